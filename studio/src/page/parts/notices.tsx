/** What the visitor should know, said quietly, at the foot of the window. */

import { dismiss, notices } from "../store/state.ts";

export function Notices() {
  return (
    <div class="notices" role="status">
      {notices.value.map(({ id, message, kind }) => (
        <p key={id} class={kind}>
          <span>{message}</span>
          <button type="button" class="plain" onClick={() => dismiss(id)}>
            Dismiss
          </button>
        </p>
      ))}
    </div>
  );
}
