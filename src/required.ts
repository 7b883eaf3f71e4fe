/** The value of a key that must be there: its absence is a fault of ours. */
export function required<Key, Value>(map: ReadonlyMap<Key, Value>, key: Key): Value {
  const value = map.get(key);
  if (value === undefined) throw new Error(`internal: nothing named ${String(key)}`);
  return value;
}
