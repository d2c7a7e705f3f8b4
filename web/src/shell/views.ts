// SPDX-License-Identifier: MIT
//
// views.ts - the table of views: what the bar, the router, the command palette and the keys G + letter know.
import type { ComponentType } from "preact";
import { text } from "../text/en";
import { Play } from "../views/play/play";
import { Extract } from "../views/extract/extract";
import { Models } from "../views/models/models";
import { Sweeps } from "../views/sweeps/sweeps";
import { Transfer } from "../views/transfer/transfer";
import { Traits } from "../views/traits/traits";
import { Vectors } from "../views/vectors/vectors";
import { Monitor } from "../views/monitor/monitor";

export interface View {
    id: string; // in the address
    key: string; // after G
    title: string;
    show: ComponentType;
}

export const VIEWS: readonly View[] = [
    { id: "play", key: "p", title: text.views.play, show: Play },
    { id: "extract", key: "e", title: text.views.extract, show: Extract },
    { id: "transfer", key: "t", title: text.views.transfer, show: Transfer },
    { id: "vectors", key: "v", title: text.views.vectors, show: Vectors },
    { id: "traits", key: "r", title: text.views.traits, show: Traits },
    { id: "sweeps", key: "s", title: text.views.sweeps, show: Sweeps },
    { id: "monitor", key: "o", title: text.views.monitor, show: Monitor },
    { id: "models", key: "m", title: text.views.models, show: Models },
];
