// SPDX-License-Identifier: MIT
//
// exports.tsx - a sweep as files: everything (JSON), points and answers (CSV), the curves (SVG).
import type { Job } from "../../api/live";
import { csv } from "../../base/csv";
import { saveFile, saveJson } from "../../base/save_file";
import { svgOf } from "../../base/svg_file";
import { ANSWER_COLUMNS, answerRow } from "../../parts/answer_list";
import type { Answers } from "../../parts/answers";
import { ExportMenu } from "../../parts/export_menu";
import { text } from "../../text/en";
import type { SweepResult } from "./result";

/** As `persona sweep --csv` writes them. */
const COLUMNS = ["condition", "operator", "phase", "layer", "coefficient", "score", "score_low", "score_high", "shift", "shift_low", "shift_high", "coherence", "kl", "kl_p95", "nll", "repetition", "tokens", "n", "n_unanswered", "n_unjudged", "text"];

function points(r: SweepResult): string {
    return csv(
        COLUMNS,
        r.points.map((p) => [p.condition, p.operator, p.phase, p.layer, p.coefficient, p.score, ...p.ci, p.shift.value, ...p.shift.ci, p.coherence, p.kl, p.kl_p95, p.nll, p.repetition, p.tokens, p.n, p.n_unanswered, p.n_unjudged, p.text]),
    );
}

export function SweepExports({ job, result: r, answers }: { job: Job; result: SweepResult; answers: Answers }) {
    const name = `sweep-${r.vector}-${job.id}`;
    const sheet = (file: string, s: string) => saveFile(file, new Blob([s], { type: "text/csv" }));
    const drawing = () => {
        const el = document.getElementById("draw-sweep");
        if (el) {
            saveFile(`${name}.svg`, svgOf(el, text.sweeps.of(r.vector, r.model.path)));
        }
    };
    return (
        <ExportMenu
            items={[
                { name: "JSON", note: text.work.json, save: () => saveJson(`${name}.json`, r) },
                { name: "CSV", note: text.sweeps.csvNote, save: () => sheet(`${name}.csv`, points(r)) },
                { name: `CSV: ${text.work.answersTitle}`, note: text.work.csvAnswers, save: () => sheet(`${name}-answers.csv`, csv(ANSWER_COLUMNS, answers.list.map(answerRow))) },
                { name: "SVG", note: text.work.svgNote, save: drawing },
            ]}
        />
    );
}
