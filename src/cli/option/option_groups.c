/* SPDX-License-Identifier: MIT
 *
 * option_groups.c - the options that several commands share; their values lie in the cli_state.
 */
#include <stdlib.h>

#include "cli/cli.h"
#include "cli/option/option.h"

#define STATE(member) offsetof(cli_state, member)

/* ---- opening a model ------------------------------------------------------------------------- */

/* Also of doctor, which opens no model. */
#define RPC_OPTIONS                                                                                \
    {.name = "rpc",                                                                                \
     .type = OPT_NAMES,                                                                            \
     .arg = "HOST:PORT,...",                                                                       \
     .at = STATE(rig.model.rpc),                                                                   \
     .without = "this machine alone",                                                              \
     .help =                                                                                       \
         "Layers on other hosts, where ggml-rpc-servers of the same ggml run: unencrypted, for "   \
         "trusted networks (docs/SCALE.md)"},                                                      \
    {                                                                                              \
        .name = "rpc-wait", .type = OPT_INT, .arg = "SECONDS", .min = 1, .max = 86400,             \
        .at = STATE(rig.model.rpc_wait),                                                           \
        .help = "How long such a host may compute at one step before it counts as gone"            \
    }

static const opt model_options[] = {
    {.name = "gpu-layers",
     .type = OPT_COUNT,
     .arg = "N|all",
     .min = 0,
     .max = 100000,
     .at = STATE(rig.model.n_gpu_layers),
     .without = "0; with --rpc all",
     .help = "Layers of a model that are computed on the device"},
    {.name = "device",
     .type = OPT_NAMES,
     .arg = "NAME,...",
     .at = STATE(rig.model.devices),
     .without = "every device that ggml finds",
     .help = "The devices for these layers, as 'persona doctor' lists them"},
    RPC_OPTIONS,
    {.name = "chat-template",
     .type = OPT_FILE,
     .arg = "NAME|FILE",
     .at = STATE(rig.model.chat_template),
     .without = "the model file's own",
     .help = "Chat template instead of the model's: chatml, gemma, harmony, llama-2, llama-3, "
             "mistral, phi-3, "
             "plain, zephyr, or a file"},
    {.name = "raw-prompts",
     .type = OPT_ON,
     .at = STATE(rig.model.raw_prompts),
     .help =
         "Ask a model that has no chat template in a plain frame, 'Question: ...' and 'Answer:'; "
         "a line 'Question:' ends its answer"},
    {.name = NULL},
};
static const opt host_options[] = {RPC_OPTIONS, {.name = NULL}};
const opt_group opt_group_hosts = {"Other hosts", true, host_options};
const opt_group opt_group_model = {"Models", true, model_options};

/* ---- running one ----------------------------------------------------------------------------- */

static const opt running_options[] = {
    {.name = "threads",
     .type = OPT_INT,
     .arg = "N",
     .min = 1,
     .max = 1024,
     .at = STATE(rig.n_threads),
     .without = "physical cores, at most 8",
     .help = "CPU threads"},
    {.name = "seed",
     .type = OPT_SEED,
     .arg = "N",
     .at = STATE(seed),
     .help = "Same seed, same bytes"},
    {.name = "slots",
     .type = OPT_INT,
     .arg = "N",
     .min = 1,
     .max = 256,
     .at = STATE(rig.n_slots),
     .without = "",
     .help = "Sequences decoded together"},
    {.name = "context",
     .type = OPT_INT,
     .arg = "N",
     .min = 16,
     .max = 1 << 20,
     .at = STATE(rig.n_ctx),
     .without = "",
     .help = "Tokens per sequence, prompt and answer"},
    {.name = NULL},
};
const opt_group opt_group_running = {"Running", true, running_options};

/* ---- how far steering may go ----------------------------------------------------------------- */

static const char *const guard_words[] = {"off", "warn", "clamp", "reject", NULL};

static const opt guard_options[] = {
    {.name = "guard",
     .type = OPT_SWITCH,
     .arg = "WHAT",
     .words = guard_words,
     .at = STATE(guard_mode),
     .help = "About edits that are long beside the activations that they edit: warn, clamp (scale "
             "them down to --guard-ratio), reject (fail before the next token), off"},
    {.name = "guard-ratio",
     .type = OPT_FLOAT,
     .arg = "X",
     .min = 1e-6,
     .max = 1e6,
     .at = STATE(guard_ratio),
     .help = "From how many times a row's length on an edit counts as long; answers lose coherence "
             "from about 1 on"},
    {.name = NULL},
};
const opt_group opt_group_guard = {"Steering guard", true, guard_options};

/* ---- reading along vectors ------------------------------------------------------------------- */

static const opt along_options[] = {
    {.name = "vector",
     .required = true,
     .type = OPT_LIST,
     .arg = "NAME[@A-B]",
     .at = STATE(along),
     .help =
         "A vector to read along, a name of the user's library or a file, at its best block, at "
         "A or from A to B; may be repeated"},
    {.name = "block",
     .type = OPT_INT,
     .arg = "N",
     .min = 0,
     .max = 4095,
     .at = STATE(along_block),
     .without = "each vector's best",
     .help = "The block to read where a name does not say"},
    {.name = NULL},
};
const opt_group opt_group_along = {"Vectors", true, along_options};

static const opt neutral_options[] = {
    {.name = "questions",
     .type = OPT_TEXT,
     .arg = "N|FILE",
     .at = STATE(rig.questions),
     .without = "20 of the set the model names, else of the trait packs",
     .help = "At most N neutral questions, or another set"},
    OPT_LENGTH("max-tokens", STATE(neutral_tokens), NULL, "Length of an answer at most"),
    {.name = NULL},
};
const opt_group opt_group_neutral = {"Neutral questions", true, neutral_options};

/* ---- writing answers ------------------------------------------------------------------------- */

static const opt sampling_options[] = {
    {.name = "max-tokens",
     .key = 'n',
     .type = OPT_INT,
     .arg = "N",
     .min = 1,
     .max = 1 << 20,
     .at = STATE(sampling.max_tokens),
     .help = "Tokens of an answer at most"},
    {.name = "n-predict", /* llama.cpp's name for it */
     .hidden = true,
     .type = OPT_INT,
     .arg = "N",
     .min = 1,
     .max = 1 << 20,
     .at = STATE(sampling.max_tokens)},
    {.name = "temp",
     .type = OPT_FLOAT,
     .arg = "X",
     .min = 0,
     .max = 100,
     .at = STATE(sampling.temperature),
     .help = "Temperature; 0: greedy"},
    {.name = "top-k",
     .type = OPT_INT,
     .arg = "N",
     .min = 0,
     .max = 1 << 30,
     .at = STATE(sampling.top_k),
     .help = "Only the N most likely tokens; 0: off"},
    {.name = "top-p",
     .type = OPT_FLOAT,
     .arg = "X",
     .min = 0,
     .max = 1,
     .at = STATE(sampling.top_p),
     .help = "Only the most likely tokens that make up this much; 1: off"},
    {.name = "min-p",
     .type = OPT_FLOAT,
     .arg = "X",
     .min = 0,
     .max = 1,
     .at = STATE(sampling.min_p),
     .help = "Only tokens this likely, relative to the first; 0: off"},
    {.name = "repeat-penalty",
     .type = OPT_FLOAT,
     .arg = "X",
     .min = 0,
     .max = 10,
     .at = STATE(sampling.repetition_penalty),
     .help = "Against repetition; 1: off"},
    {.name = NULL},
};
const opt_group opt_group_sampling = {"Sampling", true, sampling_options};

/* ---- judging --------------------------------------------------------------------------------- */

static const opt judge_options[] = {
    {.name = "judge",
     .type = OPT_TEXT,
     .arg = "WHO",
     .at = STATE(rig.judge),
     .help = "Who scores answers: auto (the classifier that the model names), none, labels, a "
             "classifier FILE, a model FILE.gguf, self (the model itself), or the URL of a server"},
    {.name = "judge-model",
     .type = OPT_TEXT,
     .arg = "NAME",
     .at = STATE(rig.judge_model),
     .help = "The model to ask a server for"},
    {.name = "judge-key-env",
     .type = OPT_TEXT,
     .arg = "VARIABLE",
     .at = STATE(rig.judge_key_env),
     .without = "OPENAI_API_KEY",
     .help = "Holds the server's key"},
    {.name = "judge-timeout",
     .type = OPT_REAL,
     .arg = "SECONDS",
     .min = 0.1,
     .max = 86400,
     .at = STATE(rig.judge_timeout),
     .without = "60",
     .help = "Per request to a server"},
    {.name = "judge-validity",
     .type = OPT_FILE,
     .arg = "FILE",
     .at = STATE(rig.judge_validity),
     .without = "what the judge says of itself",
     .help = "What was measured of the judge: a file of 'persona judge test --save'"},
    {.name = "questions",
     .type = OPT_TEXT,
     .arg = "N|FILE",
     .at = STATE(rig.questions),
     .without = "the set the model names, else the trait's",
     .help = "At most N questions, or another set"},
    {.name = NULL},
};
const opt_group opt_group_judge = {"Judging", true, judge_options};

static const opt judges_options[] = {
    {.name = "judge-select",
     .type = OPT_TEXT,
     .arg = "WHO",
     .at = STATE(rig.judge_select),
     .without = "--judge",
     .help = "Who filters answers, finds blocks and finds texts that lean"},
    {.name = "judge-score",
     .type = OPT_TEXT,
     .arg = "WHO",
     .at = STATE(rig.judge_score),
     .without = "--judge",
     .help = "Who gives the scores that are reported"},
    {.name = NULL},
};
const opt_group opt_group_judges = {"Two judges", true, judges_options};

/* ---- mapping --------------------------------------------------------------------------------- */

static const char *map_method_name(size_t i)
{
    return persona_map_method(i, NULL);
}

static persona_code set_blocks(const opt_call *x, persona_err *e)
{
    cli_mapping *m = &((cli_state *)x->base)->mapping;
    char *rest = NULL;
    const long from = strtol(x->value, &rest, 10);
    const long to = *rest == ':' && rest != x->value ? strtol(rest + 1, &rest, 10) : -1;
    if (*rest || from < 1 || to < 1 || from > 4096 || to > 4096) {
        return persona_err_set(e, PERSONA_E_USAGE, "%s wants FROM:TO, such as 19:16, not '%.100s'",
                               x->typed, x->value);
    }
    m->from = (int)from;
    m->to = (int)to;
    return PERSONA_OK;
}

static const char *const pairings[] = {"response", "chunk", NULL};

static const opt mapping_options[] = {
    {.name = "method",
     .type = OPT_WORD,
     .arg = "NAME",
     .word_at = map_method_name,
     .at = STATE(mapping.method),
     .without = "ridge",
     .help = "How the map is fitted"},
    {.name = "pairing",
     .type = OPT_SWITCH,
     .arg = "WHAT",
     .words = pairings,
     .at = STATE(mapping.pairing),
     .help = "Rows of the map: a text's whole response, or every chunk of it"},
    {.name = "lambda",
     .type = OPT_REAL,
     .arg = "X",
     .min = 1e-9,
     .max = 1e9,
     .at = STATE(mapping.lambda),
     .without = "by leaving questions out",
     .help = "Regularization, relative to the mean eigenvalue"},
    {.name = "rank",
     .type = OPT_INT,
     .arg = "K",
     .min = 1,
     .max = 4096,
     .at = STATE(mapping.rank),
     .without = "searched",
     .help = "Dimensions of lowrank and procrustes"},
    {.name = "anchors",
     .type = OPT_INT,
     .arg = "N",
     .min = 8,
     .max = 4096,
     .at = STATE(mapping.n_anchors),
     .without = "100",
     .help = "Texts that serve as anchors"},
    {.name = "texts",
     .type = OPT_LIST,
     .arg = "FILE",
     .at = STATE(mapping.texts),
     .help = "Texts to map by, instead of having the source write them; may be repeated"},
    {.name = "neutral",
     .type = OPT_INT,
     .arg = "N",
     .min = 1,
     .max = 100000,
     .at = STATE(mapping.n_neutral),
     .without = "120",
     .help = "Texts without an instruction to write"},
    {.name = "map-questions",
     .type = OPT_INT,
     .arg = "N",
     .min = 2,
     .max = 10000,
     .at = STATE(mapping.n_questions),
     .without = "20",
     .help = "Questions per trait to write texts on"},
    {.name = "blocks",
     .type = OPT_OWN,
     .arg = "FROM:TO",
     .set = set_blocks,
     .without = "found",
     .help = "Only this pair of blocks"},
    {.name = "candidates",
     .type = OPT_INT,
     .arg = "N",
     .min = 1,
     .max = 64,
     .at = STATE(mapping.n_candidates),
     .without = "4; all of a shallow target",
     .help = "Pairs of blocks that are tried by steering"},
    {.name = "cache",
     .type = OPT_FOLDER,
     .arg = "FOLDER",
     .at = STATE(mapping.cache),
     .without = "$XDG_CACHE_HOME/persona",
     .help = "Keeps what the models wrote and read"},
    {.name = "no-cache", .type = OPT_ON, .at = STATE(mapping.no_cache), .help = "Keep nothing"},
    {.name = NULL},
};
const opt_group opt_group_mapping = {"Mapping", true, mapping_options};

/* ---- output ---------------------------------------------------------------------------------- */

static const char *const color_words[] = {"auto", "always", "never", NULL};

static const opt output_options[] = {
    {.name = "json",
     .type = OPT_ON,
     .at = STATE(json),
     .help = "Print one JSON document on standard output"},
    {.name = "quiet",
     .key = 'q',
     .type = OPT_CONST,
     .constant = -1,
     .at = STATE(verbosity),
     .help = "No progress, no talk"},
    {.name = "verbose",
     .key = 'v',
     .type = OPT_CONST,
     .constant = 1,
     .at = STATE(verbosity),
     .help = "Say more"},
    {.name = "color",
     .type = OPT_SWITCH,
     .arg = "WHEN",
     .words = color_words,
     .at = STATE(color),
     .help = "Whether to color the output"},
    {.name = "help", .key = 'h', .type = OPT_ON, .at = STATE(help), .help = "This text"},
    {.name = NULL},
};
const opt_group opt_group_output = {"Output", true, output_options};
