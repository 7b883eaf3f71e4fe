/** A rank of a test that joins the others, says how many connections to another machine there are, and leaves at once. */

import { joinRanks } from "../../dist/cluster/index.js";

const ranks = await joinRanks();
process.stdout.write(`${process.env["OMPI_MCA_btl_tcp_links"]}\n`);
await ranks?.leave();
