// SPDX-License-Identifier: MIT
//
// speed.tsx - tokens a second over the time since the job was first measured.
import { num } from "../../base/format";
import type { Speed } from "../../parts/job_live";
import { Lines } from "../../parts/lines";
import { text } from "../../text/en";

const t = text.extract;
const since = (x: number) => (x < 600 ? t.seconds(Math.round(x)) : t.minutes(Math.round(x / 6) / 10));

export function SpeedChart({ speed }: { speed: readonly Speed[] }) {
    const rates = speed.map((p) => p.rate);
    const first = speed[0]?.at ?? 0;
    return (
        <>
            <h3 class="mt-4">{t.speedOver}</h3>
            {speed.length < 2 ? (
                <p class="soft small mt-1">{t.speedNone}</p>
            ) : (
                <Lines
                    x={speed.map((p) => p.at - first)}
                    series={[{ label: t.speed, tone: "ink", values: rates }]}
                    label={t.speedLabel(num(Math.min(...rates), 0), num(Math.max(...rates), 0))}
                    height={130}
                    range={[0, Math.max(...rates) * 1.1]}
                    xFormat={since}
                />
            )}
        </>
    );
}
