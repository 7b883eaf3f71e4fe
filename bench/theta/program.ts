/**
 * The WebAssembly program of Θ and of its gradient, as text, four numbers at a time. Rows have a multiple of 16 numbers.
 *
 * forward, of a row a with r = scale / ‖a‖ and u = r a: h = u (1 + erf u), slope = 1 + erf u + 2/√π u e^(-u²), factor = r.
 * backward, of the gradient dh: da = r (dh slope - u (Σ dh slope u) / scale²).
 */

const get = (name: string) => `(local.get $${name})`;
const set = (name: string, value: string) => `(local.set $${name} ${value})`;
const locals = (type: string, names: string) =>
  names
    .split(" ")
    .map((name) => `(local $${name} ${type})`)
    .join(" ");
const all = (value: number) => `(v128.const f32x4 ${value} ${value} ${value} ${value})`;
const binary = (operation: string) => (a: string, b: string) => `(${operation} ${a} ${b})`;
const add = binary("f32x4.add");
const sub = binary("f32x4.sub");
const mul = binary("f32x4.mul");
const times = binary("f32.mul");
const advance = (name: string, bytes: string) => set(name, binary("i32.add")(get(name), bytes));
const load = (array: string, offset = 0) => `(v128.load offset=${offset} (i32.add ${get(array)} ${get("i")}))`;
const store = (array: string, value: string, offset = 0) =>
  `(v128.store offset=${offset} (i32.add ${get(array)} ${get("i")}) ${value})`;

const DENSITY = 2 / Math.sqrt(Math.PI);

/** 2/√π 2^(-x) for |x| ≤ ½, in powers of x: relative error 9e-8. */
const POWER = [1, -0.693146977556, 0.240222420573, -0.0555073380573, 0.00967151392601, -0.00132647084072].map(
  (coefficient) => coefficient * DENSITY,
);

/** erfc(x) e^(x²) √π/2 in powers of 1 / (1 + 0.4 x), as in Abramowitz and Stegun's 7.1.26: error of erfc 3e-8. */
const COMPLEMENT = [
  0, 0.23192201373, 0.16182387871, 0.468273812001, -0.370907976157, 0.70914761796, -0.200259373905,
].map((coefficient) => coefficient / DENSITY);

/** Adding it to a number below 2²² rounds that to a whole one, which the lowest bits are then. */
const ROUNDING = 1.5 * 2 ** 23;

/** @param relaxed whether products are not rounded before something is added: instructions of relaxed SIMD */
export function thetaProgram(relaxed: boolean): string {
  const fused = (a: string, b: string, c: string) =>
    relaxed ? `(f32x4.relaxed_madd ${a} ${b} ${c})` : add(mul(a, b), c);
  const polynomial = (coefficients: readonly number[], x: string) =>
    coefficients.map(all).reduceRight((sum, coefficient) => fused(sum, x, coefficient));
  const select = relaxed ? "i32x4.relaxed_laneselect" : "v128.bitselect";

  /** Numbers of a row, so many vectors at once. */
  const along = (label: string, vectors: number, body: string) => `
    ${set("i", "(i32.const 0)")}
    (loop $${label} ${body} ${advance("i", `(i32.const ${16 * vectors})`)}
      (br_if $${label} (i32.lt_u ${get("i")} ${get("bytes")})))`;
  /** The sum over a row, in four sums at once, to each of which `term` adds. */
  const summed = (term: (sum: string, offset: number) => string) => {
    const sums = ["s0", "s1", "s2", "s3"];
    const lanes = [0, 1, 2, 3].map((lane) => `(f32x4.extract_lane ${lane} ${get("s0")})`);
    return `
      ${sums.map((sum) => set(sum, all(0))).join(" ")}
      ${along("sums", 4, sums.map((sum, index) => term(sum, 16 * index)).join(" "))}
      ${set("s0", sums.map(get).reduce(add))} ${set("sum", lanes.reduce(binary("f32.add")))}`;
  };
  const rows = (arrays: string, body: string) => `
    ${set("bytes", `(i32.shl ${get("columns")} (i32.const 2))`)}
    (loop $rows ${body}
      ${arrays
        .split(" ")
        .map((array) => advance(array, get("bytes")))
        .join(" ")} ${advance("factor", "(i32.const 4)")}
      ${advance("rows", "(i32.const -1)")} (br_if $rows ${get("rows")}))`;

  const gate = `
    ${set("u", mul(load("a"), get("each")))}
    ${set("x", `(f32x4.pmin ${mul(mul(get("u"), get("u")), all(Math.LOG2E))} ${all(126)})`)}
    ${set("n", add(get("x"), all(ROUNDING)))}
    ${set("x", sub(get("x"), sub(get("n"), all(ROUNDING))))}
    ${set("e", `(i32x4.sub ${polynomial(POWER, get("x"))} (i32x4.shl ${get("n")} (i32.const 23)))`)}
    ${set("x", `(f32x4.div ${all(1)} ${fused(`(f32x4.abs ${get("u")})`, all(0.4), all(1))})`)}
    ${set("n", mul(polynomial(COMPLEMENT, get("x")), get("e")))}
    ${set("n", `(${select} ${get("n")} ${sub(all(2), get("n"))} (i32x4.shr_s ${get("u")} (i32.const 31)))`)}
    ${store("h", mul(get("u"), get("n")))} ${store("slope", fused(get("u"), get("e"), get("n")))}`;
  const square = (sum: string, offset: number) =>
    set("x", load("a", offset)) + set(sum, fused(get("x"), get("x"), get(sum)));
  const product = (sum: string, offset: number) =>
    set("x", mul(load("dh", offset), load("slope", offset))) +
    store("da", get("x"), offset) +
    set(sum, fused(get("x"), load("a", offset), get(sum)));

  return `
(module
  (import "host" "memory" (memory 1))
  (func (export "forward") (param $a i32) (param $h i32) (param $slope i32) (param $factor i32)
    (param $rows i32) (param $columns i32) (param $scale f32)
    ${locals("i32", "i bytes")} ${locals("f32", "sum r")} ${locals("v128", "s0 s1 s2 s3 x u n e each")}
    ${rows(
      "a h slope",
      `${summed(square)}
      ${set("r", `(f32.div ${get("scale")} (f32.sqrt ${get("sum")}))`)}
      ${set("r", `(select ${get("r")} (f32.const 0) (f32.gt ${get("sum")} (f32.const 0)))`)}
      (f32.store ${get("factor")} ${get("r")}) ${set("each", `(f32x4.splat ${get("r")})`)}
      ${along("gate", 1, gate)}`,
    )})
  (func (export "backward") (param $dh i32) (param $a i32) (param $slope i32) (param $factor i32) (param $da i32)
    (param $rows i32) (param $columns i32) (param $scale f32)
    ${locals("i32", "i bytes")} ${locals("f32", "sum r")} ${locals("v128", "s0 s1 s2 s3 x each back")}
    ${rows(
      "dh a slope da",
      `${summed(product)}
      ${set("r", `(f32.load ${get("factor")})`)} ${set("each", `(f32x4.splat ${get("r")})`)}
      ${set("r", `(f32.div ${get("r")} ${get("scale")})`)}
      ${set("r", times(times(get("r"), get("r")), `(f32.mul (f32.load ${get("factor")}) ${get("sum")})`))}
      ${set("back", `(f32x4.splat (f32.neg ${get("r")}))`)}
      ${along("each", 1, store("da", fused(load("da"), get("each"), mul(load("a"), get("back")))))}`,
    )}))
`;
}
