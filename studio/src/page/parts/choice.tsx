/** A drop-down list of a few words. */

interface ChoiceProps<T extends string> {
  readonly label: string;
  readonly value: T;
  readonly choices: readonly (readonly [T, string])[];
  readonly chosen: (value: T) => void;
}

export function Choice<T extends string>({ label, value, choices, chosen }: ChoiceProps<T>) {
  return (
    <select
      aria-label={label}
      value={value}
      onChange={({ currentTarget }) => {
        const found = choices[currentTarget.selectedIndex];
        if (found !== undefined) chosen(found[0]);
      }}
    >
      {choices.map(([key, words]) => (
        <option key={key} value={key}>
          {words}
        </option>
      ))}
    </select>
  );
}
