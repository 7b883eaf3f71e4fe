import { existsSync } from "node:fs";
import files, { chmod, mkdir, readdir, readFile, readlink, stat, symlink, writeFile } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { describe, expect, test } from "vitest";
import { UserError } from "../../src/errors.ts";
import { explainFileError, makeFolder, writeFileAtomic } from "../../src/formats/files/atomic.ts";
import { temporaryName, temporaryOwner } from "../../src/formats/files/temporary.ts";
import { failure, useFolder } from "./helpers.ts";

const folder = useFolder();

describe("writeFileAtomic writes", () => {
  test("text, bytes, and bytes piece by piece", async () => {
    const file = folder.at("file");
    async function* later(): AsyncGenerator<Uint8Array> {
      yield Uint8Array.of(104, 105);
      await Promise.resolve();
      yield Uint8Array.of();
      yield Uint8Array.of(33);
    }
    await writeFileAtomic(file, "né\n");
    expect([...(await readFile(file))]).toEqual([110, 195, 169, 10]);
    await writeFileAtomic(file, Uint8Array.of(0, 255));
    expect([...(await readFile(file))]).toEqual([0, 255]);
    await writeFileAtomic(file, [Uint8Array.of(1), Uint8Array.of(2, 3)]);
    expect([...(await readFile(file))]).toEqual([1, 2, 3]);
    await writeFileAtomic(file, later());
    expect(await readFile(file, "utf8")).toBe("hi!");
    await writeFileAtomic(file, "");
    expect((await stat(file)).size).toBe(0);
    expect(await readdir(folder.at())).toEqual(["file"]);
  });

  test("a file of 3 MB whole", async () => {
    const bytes = Uint8Array.from({ length: 3_000_017 }, (_, index) => index % 251);
    await writeFileAtomic(folder.at("large"), bytes);
    expect(Buffer.compare(await readFile(folder.at("large")), bytes)).toBe(0);
  });

  // The last of them has a bit that processes usually deny to the files that they make.
  test.each([0o640, 0o664])("through a symbolic link and with the old permission bits %o", async (mode) => {
    await writeFile(folder.at("real"), "old");
    await chmod(folder.at("real"), mode);
    await symlink("real", folder.at("link"));
    await writeFileAtomic(folder.at("link"), "new");
    expect(await readFile(folder.at("real"), "utf8")).toBe("new");
    expect(await readlink(folder.at("link"))).toBe("real");
    expect((await stat(folder.at("real"))).mode & 0o777).toBe(mode);
  });

  test("many times at once to one file: one of the contents survives whole", async () => {
    const contents = Array.from({ length: 20 }, (_, index) => String(index).repeat(1000));
    await Promise.all(contents.map((content) => writeFileAtomic(folder.at("file"), content)));
    expect(contents).toContain(await readFile(folder.at("file"), "utf8"));
    expect(await readdir(folder.at())).toEqual(["file"]);
  });
});

describe("writeFileAtomic fails", () => {
  test("with the source's own error, the old file untouched and nothing left behind", async () => {
    await writeFile(folder.at("file"), "old");
    function* broken(): Generator<Uint8Array> {
      yield Uint8Array.of(1);
      throw new RangeError("no more");
    }
    expect(await failure(writeFileAtomic(folder.at("file"), broken()))).toBe("RangeError: no more");
    expect(await readFile(folder.at("file"), "utf8")).toBe("old");
    expect(await readdir(folder.at())).toEqual(["file"]);
  });

  test("where the folder is missing", async () => {
    expect(await failure(writeFileAtomic(folder.at("none", "file"), "x"))).toBe(
      `UserError: cannot write ${folder.at("none", "file")}: the folder ${folder.at("none")} does not exist; create it first`,
    );
  });

  test("where a file stands for a folder", async () => {
    await writeFile(folder.at("file"), "old");
    expect(await failure(writeFileAtomic(folder.at("file", "inside"), "x"))).toBe(
      `UserError: cannot write ${folder.at("file", "inside")}: a part of its path is a file where a folder should be; check the path`,
    );
  });

  test("where a folder stands for the file", async () => {
    await mkdir(folder.at("folder"));
    expect(await failure(writeFileAtomic(folder.at("folder"), "x"))).toBe(
      `UserError: cannot write ${folder.at("folder")}: it is a folder, not a file; check the path`,
    );
    expect(await readdir(folder.at())).toEqual(["folder"]);
  });

  test.skipIf(!existsSync("/dev/full"))("where the disk is full (skipped: no /dev/full here)", async () => {
    expect(await failure(writeFileAtomic("/dev/full", "x"))).toBe(
      "UserError: cannot write /dev/full: the disk is full; free some space and run again",
    );
  });

  test("where the folder cannot be synced, and leaves no new file behind, so that it can be done again", async () => {
    await writeFile(folder.at("old"), "old");
    const original = files.open;
    Object.assign(files, {
      open: async (...args: Parameters<typeof files.open>) => {
        const handle = await original(...args);
        if (args[0] !== folder.at()) return handle;
        return Object.assign(handle, {
          sync: () => Promise.reject(Object.assign(new Error("raw"), { code: "ENOSPC" })),
        });
      },
    });
    syncBuiltinESMExports();
    try {
      for (const name of ["new", "old"]) {
        expect(await failure(writeFileAtomic(folder.at(name), "new"))).toBe(
          `UserError: cannot write ${folder.at(name)}: the disk is full; free some space and run again`,
        );
      }
    } finally {
      files.open = original;
      syncBuiltinESMExports();
    }
    expect(await readdir(folder.at())).toEqual(["old"]);
    expect(await readFile(folder.at("old"), "utf8")).toBe("new");
  });

  // Permission bits do not stop root, but /sys takes no new files from anyone.
  test.skipIf(!existsSync("/sys/kernel"))("where the folder takes no files (skipped: no /sys here)", async () => {
    expect(await failure(writeFileAtomic("/sys/kernel/file", "x"))).toMatch(
      /^UserError: cannot write \/sys\/kernel\/file: (permission denied|the system forbids it|the file system is read-only); [^\n]+$/,
    );
  });
});

describe("explainFileError", () => {
  const systemError = (code: string): Error => Object.assign(new Error("raw"), { code });

  test.each([
    ["ENOSPC", "the disk is full; free some space and run again"],
    ["EDQUOT", "the disk quota is used up; free some space and run again"],
    ["EFBIG", "the file is larger than the file system or a process limit allows; choose another disk"],
    ["EACCES", "permission denied; ask for write access to it and to /x"],
    ["EPERM", "the system forbids it; ask for write access to it and to /x"],
    ["EROFS", "the file system is read-only; choose another folder"],
    ["ENOENT", "the folder /x does not exist; create it first"],
    ["ENOTDIR", "a part of its path is a file where a folder should be; check the path"],
    ["EEXIST", "there is a file where a folder should be; remove it or check the path"],
    ["EISDIR", "it is a folder, not a file; check the path"],
    ["ELOOP", "its symbolic links form a loop; check the path"],
    ["ENAMETOOLONG", "its name is too long; choose a shorter one"],
    ["EMFILE", "too many files are open; raise the limit (ulimit -n) and run again"],
    ["EIO", "the disk reports a fault; check the disk and run again"],
  ])("%s on writing", (code, reason) => {
    const cause = systemError(code);
    const explained = explainFileError(cause, "write", "/x/y");
    expect(explained).toBeInstanceOf(UserError);
    expect(explained).toMatchObject({ message: `cannot write /x/y: ${reason}`, cause });
  });

  test("on reading", () => {
    expect(String(explainFileError(systemError("ENOENT"), "read", "/x/y"))).toBe(
      "UserError: cannot read /x/y: there is no such file; check the path",
    );
    expect(String(explainFileError(systemError("EACCES"), "read", "/x/y"))).toBe(
      "UserError: cannot read /x/y: permission denied; ask for read access to it and to /x",
    );
  });

  test.each([new UserError("mine"), new TypeError("fault"), systemError("EWEIRD"), "text", undefined])(
    "leaves %s as it is",
    (error) => {
      expect(explainFileError(error, "read", "/x")).toBe(error);
    },
  );
});

test("temporary names tell their process and differ", async () => {
  expect(await temporaryOwner(await temporaryName())).toMatchObject({ pid: process.pid, isHere: true });
  expect(await temporaryName()).not.toBe(await temporaryName());
  expect(await temporaryOwner(".writing-12-34-00000000-00ff00ff")).toEqual({ pid: 12, started: "34", isHere: false });
  expect(await temporaryOwner(".writing-12-00ff00ff")).toEqual({ pid: 12, started: "", isHere: undefined });
  expect(await temporaryOwner("model.safetensors")).toBeUndefined();
  expect(await temporaryOwner(".writing-12-00ff00ff.bak")).toBeUndefined();
});

describe("makeFolder", () => {
  test("makes what is missing, and tells the first that it made", async () => {
    expect(await makeFolder(folder.at("a", "b", "c"))).toBe(folder.at("a"));
    expect(await makeFolder(folder.at("a", "b", "d"))).toBe(folder.at("a", "b", "d"));
    expect(await makeFolder(folder.at("a", "b"))).toBeUndefined();
    const together = Array.from({ length: 8 }, () => makeFolder(folder.at("x", "y", "z")));
    expect(new Set(await Promise.all(together)).has(folder.at("x"))).toBe(true);
  });

  test("says what stands in the way", async () => {
    await writeFile(folder.at("file"), "");
    expect(await failure(makeFolder(folder.at("file")))).toBe(
      `UserError: cannot write ${folder.at("file")}: there is a file where a folder should be; remove it or check the path`,
    );
    expect(await failure(makeFolder(folder.at("file", "in", "it")))).toBe(
      `UserError: cannot write ${folder.at("file", "in", "it")}: a part of its path is a file where a folder should be; check the path`,
    );
  });

  test.skipIf(process.platform !== "linux")("ends where a file system makes no folders", async () => {
    expect(await failure(makeFolder("/proc/a/b"))).toBe(
      "UserError: cannot write /proc/a/b: no folder can be made there; choose another place",
    );
  });

  test.each([
    ["EROFS", "the file system is read-only; choose another folder"],
    ["EACCES", "permission denied; ask for write access to it and to FOLDER"],
    ["ENOSPC", "the disk is full; free some space and run again"],
  ])("tells %s as what it is, however deep the folder", async (code, reason) => {
    const { mkdir: original } = files;
    Object.assign(files, {
      mkdir: async (made: string) => {
        if (made === folder.at("new")) throw Object.assign(new Error(code), { code, path: made });
        return original(made);
      },
    });
    syncBuiltinESMExports();
    try {
      const message = await failure(makeFolder(folder.at("new", "deep")));
      expect(message).toBe(
        `UserError: cannot write ${folder.at("new", "deep")}: ${reason.replace("FOLDER", folder.at())}`,
      );
    } finally {
      files.mkdir = original;
      syncBuiltinESMExports();
    }
  });
});
