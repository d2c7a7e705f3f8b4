// SPDX-License-Identifier: MIT
//
// svg_file.ts - a drawing of the page as an SVG file that stands alone: what is seen, at its places, in its colours.
// Drawings here are fluid (percentages, styles from classes, tables with a small SVG in each row), so the file is made
// from what the browser has laid out: every shape with its resolved numbers, every line of text where it stands.

const NS = "http://www.w3.org/2000/svg";
const SHAPES = "line, rect, circle, path";
const NUMBERS: Record<string, readonly string[]> = {
    line: ["x1", "y1", "x2", "y2"],
    rect: ["x", "y", "width", "height", "rx"],
    circle: ["cx", "cy", "r"],
};

/** Any colour of CSS, as a hex colour and an opacity: color-mix() and oklab() are not for every reader. */
class Colours {
    private ink = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true })!;
    of(css: string): { hex: string; alpha: number } | null {
        if (css === "none" || css === "transparent" || css === "") {
            return null;
        }
        this.ink.clearRect(0, 0, 1, 1);
        this.ink.fillStyle = css;
        this.ink.fillRect(0, 0, 1, 1);
        const [r, g, b, a] = this.ink.getImageData(0, 0, 1, 1).data as unknown as [number, number, number, number];
        return a === 0 ? null : { hex: `#${[r, g, b].map((x) => x.toString(16).padStart(2, "0")).join("")}`, alpha: a / 255 };
    }
}

const short = (x: number): string => String(Math.round(x * 100) / 100);

class Copy {
    readonly svg = document.implementation.createDocument(NS, "svg").documentElement;
    private colours = new Colours();
    private box: DOMRect;
    constructor(private from: Element) {
        this.box = from.getBoundingClientRect();
    }
    add(name: string, attributes: Record<string, string>): Element {
        const el = this.svg.ownerDocument.createElementNS(NS, name);
        for (const [k, v] of Object.entries(attributes)) {
            el.setAttribute(k, v);
        }
        this.svg.append(el);
        return el;
    }
    paint(el: Element, what: "fill" | "stroke", css: string, opacity: number): void {
        const c = this.colours.of(css);
        el.setAttribute(what, c?.hex ?? "none");
        if (c && c.alpha * opacity < 1) {
            el.setAttribute(`${what}-opacity`, short(c.alpha * opacity));
        }
    }
    shape(of: SVGGraphicsElement): void {
        const style = getComputedStyle(of);
        const m = of.getScreenCTM();
        if (!m || style.visibility === "hidden" || style.display === "none") {
            return;
        }
        const name = of.tagName.toLowerCase();
        const el = this.add(name, {});
        for (const n of NUMBERS[name] ?? []) {
            const length = (of as unknown as Record<string, SVGAnimatedLength>)[n]?.baseVal.value ?? 0;
            el.setAttribute(n, short(n === "height" || n === "width" ? Math.max(0, length) : length));
        }
        if (name === "path") {
            el.setAttribute("d", of.getAttribute("d") ?? "");
            el.setAttribute("vector-effect", "non-scaling-stroke");
        }
        el.setAttribute("transform", `matrix(${[m.a, m.b, m.c, m.d, m.e - this.box.left, m.f - this.box.top].map(short).join(" ")})`);
        const opacity = Number(style.opacity);
        this.paint(el, "fill", style.fill, opacity);
        this.paint(el, "stroke", style.stroke, opacity);
        if (el.getAttribute("stroke") !== "none") {
            el.setAttribute("stroke-width", short(parseFloat(style.strokeWidth)));
            if (style.strokeDasharray !== "none") {
                el.setAttribute("stroke-dasharray", style.strokeDasharray.replace(/px/g, ""));
            }
        }
    }
    /** The ground and the lines of a cell. */
    ground(of: Element): void {
        const style = getComputedStyle(of);
        const r = of.getBoundingClientRect();
        const [x, y] = [r.left - this.box.left, r.top - this.box.top];
        if (this.colours.of(style.backgroundColor)) {
            this.paint(this.add("rect", { x: short(x), y: short(y), width: short(r.width), height: short(r.height) }), "fill", style.backgroundColor, 1);
        }
        const bottom = parseFloat(style.borderBottomWidth);
        if (bottom > 0 && style.borderBottomStyle !== "none") {
            this.paint(this.add("rect", { x: short(x), y: short(y + r.height - bottom), width: short(r.width), height: short(bottom) }), "fill", style.borderBottomColor, 1);
        }
    }
    /** A run of text, one element for each line that it was broken into. */
    words(node: Text): void {
        const parent = node.parentElement!;
        const style = getComputedStyle(parent);
        if (style.visibility === "hidden" || parent.closest(".visually-hidden")) {
            return;
        }
        const range = document.createRange();
        let from = 0;
        let top: number | null = null;
        const flush = (to: number) => {
            const line = node.data.slice(from, to).trim();
            range.setStart(node, from);
            range.setEnd(node, to);
            const r = range.getBoundingClientRect();
            if (line !== "" && r.width > 0) {
                const size = parseFloat(style.fontSize);
                const el = this.add("text", {
                    x: short(r.left - this.box.left),
                    y: short(r.top - this.box.top + r.height / 2 + 0.35 * size),
                    "font-size": short(size),
                    "font-weight": style.fontWeight,
                    "font-family": style.fontFamily,
                });
                this.paint(el, "fill", parent instanceof SVGElement ? style.fill : style.color, 1);
                el.textContent = line;
            }
            from = to;
        };
        for (let i = 0; i < node.data.length; i++) {
            range.setStart(node, i);
            range.setEnd(node, i + 1);
            const r = range.getBoundingClientRect();
            if (r.width > 0 && top !== null && r.top > top + 4) {
                flush(i);
            }
            top = r.width > 0 ? r.top : top;
        }
        flush(node.data.length);
    }
    whole(title: string): string {
        const size = { width: short(this.box.width), height: short(this.box.height) };
        for (const [k, v] of Object.entries({ ...size, viewBox: `0 0 ${size.width} ${size.height}`, role: "img" })) {
            this.svg.setAttribute(k, v);
        }
        this.add("title", {}).textContent = title;
        this.paint(this.add("rect", { width: "100%", height: "100%" }), "fill", getComputedStyle(document.body).backgroundColor, 1);
        const walk = document.createTreeWalker(this.from, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
        for (let n: Node | null = walk.currentNode; n; n = walk.nextNode()) {
            if (n instanceof SVGGraphicsElement && n.matches(SHAPES)) {
                this.shape(n);
            } else if (n instanceof HTMLElement) {
                this.ground(n);
            } else if (n instanceof Text) {
                this.words(n);
            }
        }
        return new XMLSerializer().serializeToString(this.svg);
    }
}

/** `from` must be shown. */
export function svgOf(from: Element, title: string): Blob {
    return new Blob([`<?xml version="1.0" encoding="UTF-8"?>\n${new Copy(from).whole(title)}\n`], { type: "image/svg+xml" });
}
