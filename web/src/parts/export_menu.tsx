// SPDX-License-Identifier: MIT
//
// export_menu.tsx - what a view gives as files, in one list.
import { Icon } from "./icons";
import { Pop } from "./pop";
import { text } from "../text/en";

export interface ExportItem {
    name: string;
    note: string;
    save: () => void;
}

export function ExportMenu({ items }: { items: readonly ExportItem[] }) {
    return (
        <Pop end summary={<><Icon name="file" /> {text.work.exportAs}</>}>
            {items.map((x) => (
                <button class="opt w-100 border-0 bg-transparent text-start" type="button" key={x.name} onClick={x.save}>
                    <Icon name="file" />
                    <span>{x.name}</span>
                    <small>{x.note}</small>
                </button>
            ))}
        </Pop>
    );
}
