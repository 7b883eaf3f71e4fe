/** A rank of a test that joins the others, and leaves at once. */

import { joinRanks } from "../../dist/cluster/index.js";

const ranks = await joinRanks();
await ranks?.leave();
