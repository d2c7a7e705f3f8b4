// SPDX-License-Identifier: MIT
//
// upload.tsx - files into the page: dropped on the field, or picked. The field is a label around the picker, so a
// key, a finger and a screen reader reach it as any other.
import { useState } from "preact/hooks";
import { text } from "../text/en";
import { Icon } from "./icons";

export interface UploadProps {
    label: string;
    hint?: string;
    accept?: string;
    multiple?: boolean;
    busy?: boolean;
    onFiles: (files: File[]) => void;
}

export function Upload({ label, hint, accept, multiple = false, busy = false, onFiles }: UploadProps) {
    const [over, setOver] = useState(false);
    const give = (list: FileList | null | undefined) => {
        const files = [...(list ?? [])];
        if (files.length > 0 && !busy) {
            onFiles(multiple ? files : files.slice(0, 1));
        }
    };
    return (
        <label
            class={`drop ${over ? "over" : ""}`}
            onDragOver={(e) => {
                e.preventDefault();
                setOver(true);
            }}
            onDragLeave={() => setOver(false)}
            onDrop={(e) => {
                e.preventDefault();
                setOver(false);
                give(e.dataTransfer?.files);
            }}
        >
            <Icon name="share" />
            <span>
                <b>{label}</b>
                <small>{busy ? text.upload.busy : (hint ?? text.upload.hint)}</small>
            </span>
            <input
                type="file"
                aria-label={label}
                accept={accept}
                multiple={multiple}
                disabled={busy}
                onChange={(e) => {
                    give(e.currentTarget.files);
                    e.currentTarget.value = ""; // the same file may come again
                }}
            />
        </label>
    );
}
