// SPDX-License-Identifier: MIT
// What the tests with clients of others share: a server, counting checks, waiting.
"use strict";
const assert = require("node:assert/strict");
const { spawn } = require("node:child_process");

const { PERSONA } = process.env;
let nChecks = 0;

function check(ok, what) {
    nChecks++;
    assert.ok(ok, what);
}

function equal(got, want, what) {
    nChecks++;
    assert.deepEqual(got, want, what);
}

// The error that a promise is rejected with.
async function refused(promise, type, status, what) {
    const e = await promise.then(() => null, (e) => e);
    check(e instanceof type, `${what}: ${e}`);
    equal(e.status, status, what);
    return e;
}

async function until(fact, what) {
    for (let i = 0; i < 200; i++) {
        if (await fact()) {
            nChecks++;
            return;
        }
        await new Promise((go) => setTimeout(go, 50));
    }
    assert.fail(`never: ${what}`);
}

async function start(...options) {
    const process = spawn(PERSONA, ["serve", "--port", "0", ...options], { stdio: ["ignore", "ignore", "pipe"] });
    const ended = new Promise((go) => process.on("exit", (code) => go(code)));
    let said = "";
    const port = await new Promise((go, no) => {
        process.stderr.on("data", (piece) => {
            said += piece;
            const found = /listening on http:\/\/.*:(\d+) /.exec(said);
            if (found) {
                go(Number(found[1]));
            }
        });
        ended.then(() => no(new Error(`the server did not start: ${said}`)));
    });
    return {
        url: `http://127.0.0.1:${port}`,
        async json(path, options) {
            return (await fetch(`http://127.0.0.1:${port}${path}`, options)).json();
        },
        async stop() {
            process.kill("SIGTERM");
            equal(await ended, 0, "exit code of the server");
        },
        kill: () => process.kill("SIGKILL"),
    };
}

// Runs the parts one after the other; each gets the server and what `open` makes of it.
async function run(open, parts, ...options) {
    let server = null;
    try {
        server = await start(...options);
        const client = open(server);
        for (const part of parts) {
            await part(client, server);
        }
        await server.stop();
        console.log(`${nChecks} checks`);
    } catch (e) {
        console.error(e);
        process.exitCode = 1;
        if (server) {
            server.kill();
        }
    }
}

module.exports = { check, equal, refused, until, run };
