// SPDX-License-Identifier: MIT
//
// repaint.ts - counts changes of the colours, for charts that are drawn on a canvas.
import { signal } from "@preact/signals";

export const repaint = signal(0);
