/* SPDX-License-Identifier: MIT
 *
 * report_css.h - the style sheet of the report, light and dark.
 *
 * Conditions: colours after Okabe and Ito where they carry meaning, grey for the nulls; every one
 * has a contrast of at least 3:1 against the page in both schemes, and a dash pattern of its own.
 */
#ifndef PERSONA_PIPELINE_REPORT_CSS_H
#define PERSONA_PIPELINE_REPORT_CSS_H

/* In pieces: ISO C promises string literals of 4095 bytes only. */
static const char *const report_css[] = {
    ":root{color-scheme:light dark;--bg:#fbfaf8;--card:#fff;--ink:#1c1b1a;--soft:#625f5a;"
    "--line:#e4e0d9;--hair:#efece6;--accent:#0b62a8;--good:#12693f;--good-bg:#e2f2e8;"
    "--bad:#a3271c;--bad-bg:#fbe7e3;"
    "--transferred:#0b62a8;--native:#1c1b1a;--prompt:#b3560a;--sampling:#8a3f8f;"
    "--shuffled:#7a766f;--random:#8b8780;--identity:#7a766f;--text-bridge:#0f766e;"
    "--in-sample:#7b5a00;--other-trait:#9d3a6a}\n",
    "@media(prefers-color-scheme:dark){:root{--bg:#161615;--card:#1e1e1c;--ink:#eceae6;"
    "--soft:#a8a49c;--line:#35332f;--hair:#2a2926;--accent:#6db3f2;--good:#7fd6a4;"
    "--good-bg:#173324;--bad:#ff9c8f;--bad-bg:#43201b;"
    "--transferred:#6db3f2;--native:#eceae6;--prompt:#f0a35e;--sampling:#d79be0;"
    "--shuffled:#98948c;--random:#85817a;--identity:#98948c;--text-bridge:#5eead4;"
    "--in-sample:#e3b341;--other-trait:#f0a0c8}}\n",
    "*{box-sizing:border-box}"
    "body{margin:0;background:var(--bg);color:var(--ink);"
    "font:16px/1.55 ui-sans-serif,system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;"
    "font-variant-numeric:tabular-nums;-webkit-text-size-adjust:100%}\n",
    "main,header.top,footer{max-width:60rem;margin:0 auto;padding:0 1.25rem}"
    "header.top{padding-top:4rem}"
    "h1{font-size:clamp(1.9rem,4.5vw,2.8rem);line-height:1.12;letter-spacing:-.02em;"
    "margin:0 0 .75rem;font-weight:680;text-wrap:balance}"
    "h2{font-size:1.7rem;letter-spacing:-.015em;line-height:1.2;margin:0}"
    "h3{font-size:.95rem;margin:2.25rem 0 .6rem;font-weight:650}"
    "a{color:var(--accent)}"
    ".lead{font-size:1.15rem;color:var(--soft);max-width:44rem;margin:0 0 2rem;text-wrap:pretty}\n",
    ".pair{display:grid;grid-template-columns:1fr auto 1fr;gap:1rem;align-items:stretch}"
    ".card{background:var(--card);border:1px solid var(--line);border-radius:10px;"
    "padding:1rem 1.2rem}"
    ".card .k{font-size:.78rem;color:var(--soft);margin:0}"
    ".card .v{font-size:1.15rem;font-weight:620;margin:.1rem "
    "0;color:var(--ink);overflow-wrap:anywhere}"
    ".card p{margin:0;color:var(--soft);font-size:.92rem}"
    ".arrow{align-self:center;color:var(--soft);font-size:1.5rem}\n",
    "@media(max-width:40rem){.pair{grid-template-columns:1fr}.arrow{justify-self:center;"
    "transform:rotate(90deg)}header.top{padding-top:2rem}}\n",
    "section{margin-top:4.5rem}"
    "section.trait{border-top:1px solid var(--line);padding-top:2.5rem}"
    ".title{display:flex;flex-wrap:wrap;gap:.5rem 1rem;align-items:center}"
    ".badge{font-weight:680;font-size:.85rem;letter-spacing:.03em;padding:.2rem .7rem;"
    "border-radius:99px}"
    ".PASS{color:var(--good);background:var(--good-bg)}.FAIL{color:var(--bad);"
    "background:var(--bad-bg)}"
    ".why{color:var(--soft);margin:.6rem 0 0;max-width:46rem}"
    ".note{border-left:3px solid var(--prompt);padding:.3rem .9rem;margin:1rem 0;"
    "color:var(--soft)}\n",
    ".facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:1px;"
    "background:var(--card);border:1px solid var(--line);border-radius:10px;overflow:hidden;"
    "margin:1.5rem 0 0}"
    ".facts div{box-shadow:0 0 0 1px var(--line);padding:.75rem 1rem}"
    ".facts dt{font-size:.78rem;color:var(--soft)}"
    ".facts dd{margin:0;font-size:1.25rem;font-weight:620}"
    ".facts dd small{display:block;font-size:.78rem;font-weight:400;color:var(--soft)}\n",
    "figure{margin:0}figcaption{color:var(--soft);font-size:.9rem;margin:.35rem 0 0;"
    "max-width:44rem}"
    "svg{display:block;width:100%;height:auto;overflow:visible}"
    "svg text{font-size:12.5px;fill:var(--ink)}svg .a{fill:var(--soft)}svg .t{font-size:11px}"
    "svg .c{text-anchor:middle}svg .e{text-anchor:end}"
    ".g{stroke:var(--hair);fill:none}.g.h{stroke:var(--line);stroke-width:1.5}"
    ".band{fill:var(--line);opacity:.55}"
    ".bar{fill:var(--line)}.bar.best{fill:var(--accent)}\n",
    "svg [class^=c-]{--c:var(--ink)}svg .c-transferred{--c:var(--transferred)}"
    "svg .c-native{--c:var(--native)}svg .c-prompt{--c:var(--prompt)}"
    "svg .c-sampling{--c:var(--sampling)}svg .c-shuffled{--c:var(--shuffled)}"
    "svg .c-random{--c:var(--random)}svg .c-identity{--c:var(--identity)}"
    "svg .c-text-bridge{--c:var(--text-bridge)}svg .c-in-sample{--c:var(--in-sample)}"
    "svg .c-other-trait{--c:var(--other-trait)}"
    ".l{fill:none;stroke:var(--c);stroke-width:1.75;stroke-linejoin:round}"
    ".b{stroke:var(--c);stroke-width:1.5;opacity:.6}"
    ".m{fill:var(--c);stroke:var(--card);stroke-width:1}"
    ".m.o{fill:var(--card);stroke:var(--c);stroke-width:1.75}"
    ".m.s{fill:none;stroke:var(--c);stroke-width:1.75}"
    "svg .end{fill:var(--c);font-weight:560}"
    "svg .end,svg .halo{paint-order:stroke;stroke:var(--card);stroke-width:4px;"
    "stroke-linejoin:round}"
    ".c-transferred .l{stroke-width:3}.c-transferred .b{stroke-width:2.25}"
    "svg .c-transferred.end,svg .c-transferred .end{font-weight:720}"
    ".c-prompt .l{stroke-dasharray:7 4}.c-sampling .l{stroke-dasharray:2 3}"
    ".c-shuffled .l{stroke-dasharray:9 3 2 3}.c-random .l{stroke-dasharray:1 4;"
    "stroke-linecap:round}\n",
    ".plots{background:var(--card);border:1px solid var(--line);border-radius:10px;"
    "padding:1.25rem 1.25rem 1rem}"
    "@media(max-width:40rem){.plots{overflow-x:auto}.plots>svg{min-width:34rem}}"
    ".three{display:grid;grid-template-columns:repeat(auto-fit,minmax(15rem,1fr));gap:1.25rem}"
    ".three figcaption strong{display:block;color:var(--ink);font-weight:620}\n",
    ".scroll{overflow-x:auto;border:1px solid var(--line);border-radius:10px;"
    "background:var(--card)}"
    "table{border-collapse:collapse;width:100%;font-size:.92rem}"
    "caption{text-align:left;padding:.75rem 1rem;color:var(--soft);font-size:.88rem}"
    "th,td{padding:.5rem .75rem;text-align:right;white-space:nowrap;vertical-align:top;"
    "border-top:1px solid var(--hair)}"
    "thead th{color:var(--soft);font-weight:500;font-size:.85rem}"
    "th[scope=row]{text-align:left;font-weight:560;padding-left:1rem}"
    "thead th:first-child{text-align:left;padding-left:1rem}"
    "td[colspan]{text-align:left;white-space:normal}"
    "tr.transferred th,tr.transferred td{font-weight:680;color:var(--transferred)}"
    "td.heat{background:color-mix(in srgb,var(--accent) var(--h),transparent)}"
    "td.own{font-weight:680;box-shadow:inset 0 0 0 2px var(--accent)}"
    "td small{display:block;color:var(--soft);font-weight:400;font-size:.8rem}\n",
    ".samples{display:grid;grid-template-columns:repeat(3,1fr);gap:1rem}"
    ".two .unsteered{grid-row:span 2}"
    "@media(max-width:48rem){.samples{grid-template-columns:1fr}.two .unsteered{grid-row:auto}}"
    "blockquote.transferred{border-top:3px solid var(--transferred)}"
    "blockquote.native{border-top:3px solid var(--native)}"
    "blockquote.unsteered{border-top:3px solid var(--line)}"
    "blockquote{margin:0;background:var(--card);border:1px solid var(--line);"
    "border-radius:10px;padding:.9rem 1.1rem;overflow-wrap:anywhere;font-size:.95rem}"
    "blockquote cite{display:block;font-style:normal;font-size:.8rem;color:var(--soft);"
    "margin-bottom:.35rem}"
    ".ask{font-size:1.05rem;margin:0 0 1rem}.ask q{font-weight:560}\n",
    "dl.how dt{font-weight:620;margin-top:1.1rem}dl.how dd{margin:.15rem 0 0;max-width:46rem;"
    "color:var(--soft)}"
    "dl.how dd b{color:var(--ink);font-weight:560}"
    "footer{color:var(--soft);font-size:.88rem;margin-top:4.5rem;padding-bottom:4rem;"
    "border-top:1px solid var(--line);padding-top:1.5rem}"
    "footer code{font:.82rem ui-monospace,SFMono-Regular,Menlo,monospace;overflow-wrap:anywhere}"
    "footer table{font-size:.88rem}footer th,footer td{white-space:normal;text-align:left;"
    "border:0;padding:.2rem 1rem .2rem 0}footer th[scope=row]{padding-left:0;font-weight:500;"
    "white-space:nowrap}\n",
    "@media print{body{background:#fff}section.trait{break-before:page}}\n",
};

#endif
