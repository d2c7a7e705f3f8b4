// SPDX-License-Identifier: MIT
//
// main.tsx - the page begins here.
import { render } from "preact";
import { startLive } from "./api/live";
import { Shell } from "./shell/shell";

startLive();
render(<Shell />, document.getElementById("app")!);
