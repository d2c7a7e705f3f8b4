// SPDX-License-Identifier: MIT
//
// exports.tsx - a transfer as files: everything (JSON), rows and answers (CSV), drawings (SVG).
import type { Job } from "../../api/live";
import { get } from "../../api/client";
import { sayError } from "../../app/toast";
import { csv } from "../../base/csv";
import { saveFile, saveJson } from "../../base/save_file";
import { svgOf } from "../../base/svg_file";
import { ANSWER_COLUMNS, answerRow } from "../../parts/answer_list";
import type { Answer } from "../../parts/answers";
import { ExportMenu } from "../../parts/export_menu";
import { text } from "../../text/en";
import type { TransferResult } from "./result";

const t = text.transfer;
const COLUMNS = ["condition", "coefficient", "score", "score_low", "score_high", "coherence", "coherence_sd", "tokens", "cut", "n", "n_unanswered", "n_unjudged", "text"];

function rows(r: TransferResult): string {
    return csv(
        COLUMNS,
        (r.rows ?? []).map((x) => [x.condition, x.coefficient, x.score, x.ci[0], x.ci[1], x.coherence, x.coherence_sd, x.tokens, x.cut, x.n, x.n_unanswered, x.n_unjudged, x.sample]),
    );
}

async function answers(id: string): Promise<string> {
    const list: Answer[] = [];
    for (;;) {
        const page = await get("/api/v1/jobs/{id}/answers", { path: { id }, query: { offset: list.length, limit: 1000 } });
        list.push(...page.answers);
        if (page.answers.length < 1000) {
            return csv(ANSWER_COLUMNS, list.map(answerRow));
        }
    }
}

export function Exports({ job, result: r }: { job: Job; result: TransferResult }) {
    const name = `transfer-${r.trait}-${job.id}`;
    const sheet = (file: string, text_: string) => saveFile(file, new Blob([text_], { type: "text/csv" }));
    const drawing = (id: string, title: string) => ({
        name: `SVG: ${title}`,
        note: text.work.svgNote,
        save: () => {
            const el = document.getElementById(id);
            if (el) {
                saveFile(`${name}-${id}.svg`, svgOf(el, title));
            }
        },
    });
    return (
        <ExportMenu
            items={[
                { name: "JSON", note: text.work.json, save: () => saveJson(`${name}.json`, r) },
                { name: "CSV", note: text.work.csvNote, save: () => sheet(`${name}.csv`, rows(r)) },
                { name: `CSV: ${text.work.answersTitle}`, note: text.work.csvAnswers, save: () => void answers(job.id).then((s) => sheet(`${name}-answers.csv`, s), sayError) },
                ...(r.rows?.length ? [drawing("draw-conditions", t.against), drawing("draw-dose", t.dose)] : []),
            ]}
        />
    );
}
