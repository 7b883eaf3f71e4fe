/** What `tokenformer studio` serves: the built page, and the runs of this computer. */

export { type RunningStudio, type StudioServerOptions, startStudio } from "./server.ts";
