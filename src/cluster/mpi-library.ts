/** An MPI library of the system, called through `koffi` without native code of our own. */

import { messageOf, UserError } from "../errors.ts";
import { type Koffi, keepLoaded, loadKoffi } from "../native-library.ts";

/** The two whose handles are known; others are built from one of them. */
export type MpiKind = "openmpi" | "mpich";

/** What a function takes: numbers, handles, addresses, and arrays, which are not copied. */
export type MpiArgument = number | bigint | Float32Array | Int32Array | Uint16Array | Uint8Array | null;

/** What a function takes: a C int, a pointer, or a handle, which is one or the other. */
export type MpiArgumentType = "int" | "pointer" | "handle";

export interface MpiFunction {
  /** Calls it in this thread. Throws an Error if it fails. */
  now(...given: MpiArgument[]): void;
  /** Calls it in another thread, so that the event loop stays free. Rejects if it fails. */
  later(...given: MpiArgument[]): Promise<void>;
}

/** The value of each handle that is used. */
export interface MpiHandles {
  readonly world: number | bigint;
  readonly float: number | bigint;
  /** The MPI datatype of 16 bits. */
  readonly unsignedShort: number | bigint;
  readonly sum: number | bigint;
  readonly errorsReturn: number | bigint;
  /** MPI_IN_PLACE, given in place of the array that is sent. */
  readonly inPlace: bigint;
}

export interface MpiLibrary {
  readonly kind: MpiKind;
  /** The library with its version, for people, such as "Open MPI 4.1.4 (libmpi.so.40)". */
  readonly description: string;
  readonly handles: MpiHandles;
  function(name: string, types: readonly MpiArgumentType[]): MpiFunction;
}

/** Under which names libraries are looked for. */
const NAMES: Readonly<Record<MpiKind, readonly string[]>> =
  process.platform === "darwin"
    ? { openmpi: macNames("libmpi.40.dylib"), mpich: macNames("libmpi.12.dylib", "libmpich.12.dylib") }
    : { openmpi: ["libmpi.so.40"], mpich: ["libmpich.so.12", "libmpi.so.12"] };

function macNames(...files: readonly string[]): string[] {
  return ["", "/opt/homebrew/lib/", "/usr/local/lib/"].flatMap((folder) => files.map((file) => folder + file));
}

// The handles of mpi.h: integers in MPICH, and in what is built from it.
const MPICH_HANDLES: MpiHandles = {
  world: 0x44000000,
  float: 0x4c00040a,
  unsignedShort: 0x4c000204,
  sum: 0x58000003,
  errorsReturn: 0x54000001,
  inPlace: -1n,
};

/** Of mpi.h; a version is no longer in any library. */
const LONGEST_VERSION = 8192;

/**
 * Loads the library that is named, or the first that is found.
 * @param expected which one is looked for first
 * @throws UserError if there is none, or koffi is not installed
 */
export async function loadMpi(named: string | undefined, expected: MpiKind = "openmpi"): Promise<MpiLibrary> {
  const koffi = await koffiForMpi();
  const other = expected === "openmpi" ? "mpich" : "openmpi";
  useTwoLinks();
  leaveMemoryAlone();
  const names = named === undefined ? [...NAMES[expected], ...NAMES[other], "libmpi.so"] : [named];
  const reasons: string[] = [];
  for (const name of names) {
    try {
      // Open MPI opens parts of itself later, which look for its symbols among those of the whole process.
      const library = openLibrary(koffi, name, koffi.load(name, { global: true }));
      keepLoaded(koffi, name);
      return library;
    } catch (error) {
      reasons.push(`${name} (${messageOf(error)})`);
    }
  }
  throw new UserError(
    named === undefined
      ? `no MPI library here, tried ${names.join(", ")}; install Open MPI or MPICH, or name its library with --mpi-library`
      : `--mpi-library ${reasons.join(", ")}: expected the shared library of Open MPI or MPICH, such as libmpi.so.40`,
  );
}

/**
 * Between two machines, Open MPI uses one TCP connection, in which a message of one rank waits behind those that grant the other to send:
 * two ranks that exchange something then send in turns, in twice the time. With a second connection they send at the same time. Whoever
 * has said how many (`--mca btl_tcp_links`) has them.
 */
function useTwoLinks(): void {
  process.env["OMPI_MCA_btl_tcp_links"] ??= "2";
}

/**
 * UCX, through which MPICH sends, patches the C library's functions for memory while threads run that call them: now and then a rank ends
 * with a segmentation fault in the collector of V8. What it wants to know so, which memory is given back, matters for memory
 * that it registers with a network's adapter alone. Whoever has said otherwise has it otherwise.
 * See https://github.com/openucx/ucx/issues/3831.
 */
function leaveMemoryAlone(): void {
  process.env["UCX_MEM_MMAP_HOOK_MODE"] ??= "none";
  process.env["UCX_MEM_MALLOC_HOOKS"] ??= "no";
}

async function koffiForMpi(): Promise<Koffi> {
  try {
    return await loadKoffi();
  } catch (error) {
    throw new UserError(
      `MPI is called through koffi, which could not be loaded: npm install koffi (${messageOf(error)})`,
    );
  }
}

function openLibrary(koffi: Koffi, file: string, library: ReturnType<Koffi["load"]>): MpiLibrary {
  const version = versionOf(library);
  const kind = /open mpi/i.test(version) ? "openmpi" : "mpich";
  const address = (symbol: string) => koffi.address(library.symbol(symbol));
  const handles =
    kind === "mpich"
      ? MPICH_HANDLES
      : {
          world: address("ompi_mpi_comm_world"),
          float: address("ompi_mpi_float"),
          unsignedShort: address("ompi_mpi_unsigned_short"),
          sum: address("ompi_mpi_op_sum"),
          errorsReturn: address("ompi_mpi_errors_return"),
          inPlace: 1n,
        };
  const types = { int: "int", pointer: "void *", handle: kind === "mpich" ? "int" : "void *" } as const;
  const errorText = library.func("MPI_Error_string", "int", ["int", "void *", "void *"]);
  const check = (name: string, code: unknown) => {
    if (code === 0) return;
    throw new Error(`${name} failed: ${readText((text, length) => errorText(Number(code), text, length))}`);
  };
  const functions = new Map<string, MpiFunction>();
  // koffi does not say that it keeps arrays from being freed while another thread works on them.
  const inUse = new Set<readonly MpiArgument[]>();
  const open = (name: string, given: readonly MpiArgumentType[]): MpiFunction => {
    const call = library.func(
      name,
      "int",
      given.map((type) => types[type]),
    );
    const later = (...values: MpiArgument[]) =>
      new Promise<void>((resolve, reject) => {
        inUse.add(values);
        call.async(...values, (error: unknown, code: unknown) => {
          inUse.delete(values);
          try {
            if (error instanceof Error) throw error;
            check(name, code);
            resolve();
          } catch (failure) {
            reject(failure);
          }
        });
      });
    return { now: (...values) => check(name, call(...values)), later };
  };
  return {
    kind,
    description: `${summary(version)} (${file})`,
    handles,
    function: (name, given) => {
      const known = functions.get(name) ?? open(name, given);
      functions.set(name, known);
      return known;
    },
  };
}

function versionOf(library: ReturnType<Koffi["load"]>): string {
  const call = library.func("MPI_Get_library_version", "int", ["void *", "void *"]);
  return readText((text, length) => call(text, length));
}

/** What a function writes into a text and its length. */
function readText(write: (text: Uint8Array, length: Int32Array) => unknown): string {
  const [text, length] = [Buffer.alloc(LONGEST_VERSION), new Int32Array(1)];
  write(text, length);
  return text.toString("utf8", 0, length[0]).replaceAll("\0", "");
}

/** For example "Open MPI 4.1.4" of "Open MPI v4.1.4, package: …", "MPICH 4.0.2" of "MPICH Version:	4.0.2\n…". */
function summary(version: string): string {
  const [, name = "", number = ""] = /^(.+?)(?: Version:)?\s+v?(\d[\w.]*)/.exec(version) ?? [];
  return name === "" ? (version.split("\n")[0] ?? "") : `${name} ${number}`;
}
