/* SPDX-License-Identifier: MIT
 *
 * cmd_serve.c - `persona serve`: the server in the foreground until SIGINT or SIGTERM.
 */
#include <signal.h>
#include <stdlib.h>

#include "base/try.h"
#include "cli/cli.h"
#include "server/serve/server.h"

typedef struct serve_args {
    cli_state *c;
    opt_list models, default_steering, allow_hosts, allow_origins;
    const char *host, *keys;
    int port, queue, connections, per_client, idle, drain, trash_days;
    float memory;
    bool only, fixed_shape;
} serve_args;

#define AT(member) offsetof(serve_args, member)

static const opt options[] = {
    {.name = "model",
     .key = 'm',
     .type = OPT_LIST,
     .arg = "NAME|FILE",
     .at = AT(models),
     .help = "Serve this GGUF file; may be repeated; the first is the default model. Those in the "
             "models/ folders are served as well"},
    {.name = "only", .type = OPT_ON, .at = AT(only), .help = "Serve no model but those of --model"},
    {.name = "host",
     .type = OPT_TEXT,
     .arg = "ADDRESS",
     .at = AT(host),
     .without = "127.0.0.1",
     .help = "Address to listen on, in numbers; one that other machines reach wants --keys"},
    {.name = "port",
     .type = OPT_INT,
     .arg = "N",
     .min = 0,
     .max = 65535,
     .at = AT(port),
     .help = "Port; 0: a free one, which is told on standard error"},
    {.name = "keys",
     .type = OPT_FILE,
     .arg = "FILE",
     .at = AT(keys),
     .without = "PERSONA_API_KEY of the environment, or none",
     .help = "Tokens that clients must bring, one a line; what stands behind a token is the "
             "expression that steers its requests if they say nothing"},
    {.name = "allow-host",
     .type = OPT_LIST,
     .arg = "NAME",
     .at = AT(allow_hosts),
     .help = "A name under which clients reach this server, besides localhost and addresses"},
    {.name = "allow-origin",
     .type = OPT_LIST,
     .arg = "ORIGIN",
     .at = AT(allow_origins),
     .help = "A page of another origin that may use this server, such as https://example.org"},
    {.name = "steer",
     .type = OPT_LIST,
     .arg = "MODEL=EXPR",
     .at = AT(default_steering),
     .help = "What steers requests for this model that say nothing"},
    {.name = "memory",
     .type = OPT_FLOAT,
     .arg = "GB",
     .min = 0,
     .max = 1e6,
     .at = AT(memory),
     .without = "three quarters of the memory",
     .help = "Model files that may be loaded at once; the longest unused go first"},
    {.name = "queue",
     .type = OPT_INT,
     .arg = "N",
     .min = 1,
     .max = 4096,
     .at = AT(queue),
     .help = "Answers that may run or wait at once"},
    {.name = "connections",
     .type = OPT_INT,
     .arg = "N",
     .min = 1,
     .max = 16384,
     .at = AT(connections),
     .help = "Connections at once"},
    {.name = "per-client",
     .type = OPT_INT,
     .arg = "N",
     .min = 1,
     .max = 16384,
     .at = AT(per_client),
     .help = "Connections at once from one address"},
    {.name = "idle",
     .type = OPT_INT,
     .arg = "SECONDS",
     .min = 1,
     .max = 86400,
     .at = AT(idle),
     .help = "A connection without a byte for so long is closed"},
    {.name = "drain",
     .type = OPT_INT,
     .arg = "SECONDS",
     .min = 0,
     .max = 86400,
     .at = AT(drain),
     .help = "Time that running answers have when the server is told to end"},
    {.name = "trash-days",
     .type = OPT_INT,
     .arg = "N",
     .min = 0,
     .max = 36500,
     .at = AT(trash_days),
     .help = "What clients have deleted can be restored so long; 0: for ever"},
    {.name = "fixed-shape",
     .type = OPT_ON,
     .at = AT(fixed_shape),
     .help = "Answers that are equal to the bit whatever else runs; slower with few clients"},
    {.name = NULL},
};
static const opt_group serve_options = {NULL, false, options};

static void init(void *p)
{
    serve_args *a = p;
    const server_opts o = server_defaults();
    a->port = o.port;
    a->queue = (int)o.queue;
    a->connections = o.n_connections;
    a->per_client = o.n_per_client;
    a->idle = o.idle_s;
    a->drain = o.drain_s;
    a->trash_days = o.trash_days;
}

static persona_code check(void *p, persona_err *e)
{
    const serve_args *a = p;
    return a->only && a->models.n == 0
               ? persona_err_set(e, PERSONA_E_USAGE, "--only wants a --model")
               : PERSONA_OK;
}

static server_opts opts_of(const serve_args *a)
{
    server_opts o = server_defaults();
    o.host = a->host;
    o.port = a->port;
    o.keys_file = a->keys;
    o.models.paths = a->models.p;
    o.models.n_paths = a->models.n;
    o.models.only_paths = a->only;
    o.models.budget = (uint64_t)((double)a->memory * 1e9);
    o.models.model = a->c->rig.model;
    o.models.model.raw_prompts = true;
    o.models.session.fixed_shape = a->fixed_shape;
    o.models.session.n_slots = a->c->rig.n_slots > 0 ? a->c->rig.n_slots : o.models.session.n_slots;
    o.models.session.n_ctx = a->c->rig.n_ctx > 0 ? a->c->rig.n_ctx : o.models.session.n_ctx;
    o.models.session.n_threads =
        a->c->rig.n_threads > 0 ? a->c->rig.n_threads : o.models.session.n_threads;
    o.default_steering = a->default_steering.p;
    o.n_default_steering = a->default_steering.n;
    o.allow_hosts = a->allow_hosts.p;
    o.n_allow_hosts = a->allow_hosts.n;
    o.allow_origins = a->allow_origins.p;
    o.n_allow_origins = a->allow_origins.n;
    o.queue = (size_t)a->queue;
    o.n_connections = a->connections;
    o.n_per_client = a->per_client;
    o.idle_s = a->idle;
    o.drain_s = a->drain;
    o.trash_days = a->trash_days;
    o.seed = a->c->seed;
    o.quiet = a->c->verbosity < 0;
    return o;
}

/* SIGTERM is told like Ctrl-C; what is sent to a client that has gone is an error, not a signal; so
 * is a file that may not grow. */
static void signals(void)
{
    struct sigaction now;
    if (sigaction(SIGINT, NULL, &now) == 0 && now.sa_handler != SIG_IGN) {
        sigaction(SIGTERM, &now, NULL);
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

static persona_code run(void *p, persona_err *e)
{
    serve_args *a = p;
    persona_code rc = PERSONA_OK;
    server *s = NULL;
    const server_opts o = opts_of(a);
    signals();
    TRY(server_start(&o, &s, e));
    cli_say(a->c, "listening on http://%s:%d (Ctrl-C ends it)",
            o.host != NULL ? o.host : "127.0.0.1", server_port(s));
    server_wait(s, a->c->hooks.cancel);
    cli_say(a->c, "ending");
out:
    server_free(s);
    return rc;
}

const cli_command command_serve = {
    .name = "serve",
    .summary = "Serve models over HTTP: OpenAI's API, each request with its own steering",
    .usage = "[--model FILE]...",
    .about =
        "Answers OpenAI's API on http://127.0.0.1:8000 until Ctrl-C. Every request may say what "
        "steers it (\"steering\": \"1.0*silly\"), and a running answer may be steered anew. "
        "Models are loaded when they are asked for. With --seed, requests that say no seed have "
        "this "
        "one; else each has one of its own, which the reply tells. GET /openapi.json describes all "
        "routes; "
        "docs/API.md has examples, docs/SECURITY.md says who is kept out.",
    .groups = {{&serve_options, 0},
               {&opt_group_model, 0},
               {&opt_group_running, 0},
               {&opt_group_output, 0}},
    .size = sizeof(serve_args),
    .init = init,
    .check = check,
    .run = run,
};
