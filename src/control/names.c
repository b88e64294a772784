/* control/names.c - see names.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "control/names.h"

#include "base/alloc.h"

static const char *const manners[] = {
    "able",    "agile",  "amber",  "bold",   "brave",  "brisk",  "bright", "calm",
    "candid",  "cheery", "clever", "cosy",   "crisp",  "daring", "deft",   "eager",
    "early",   "fair",   "fleet",  "fond",   "frank",  "fresh",  "gentle", "glad",
    "golden",  "happy",  "hardy",  "honest", "jolly",  "keen",   "kind",   "lively",
    "loyal",   "lucid",  "merry",  "mild",   "modest", "neat",   "nimble", "noble",
    "patient", "placid", "plucky", "polite", "proud",  "quick",  "quiet",  "rapid",
    "ready",   "silent", "silver", "smart",  "solid",  "spry",   "steady", "sturdy",
    "sunny",   "swift",  "tidy",   "trusty", "vivid",  "warm",   "wise",   "witty",
};

static const char *const animals[] = {
    "badger", "bat",    "beaver", "bee",   "bison",  "camel",   "carp",   "cat",
    "cicada", "cod",    "crane",  "crow",  "deer",   "dolphin", "donkey", "dove",
    "duck",   "eagle",  "eel",    "elk",   "falcon", "ferret",  "finch",  "fox",
    "frog",   "gecko",  "goat",   "goose", "gull",   "hare",    "hawk",   "heron",
    "horse",  "ibis",   "jay",    "koala", "lark",   "lemur",   "lion",   "llama",
    "lynx",   "marten", "mole",   "moose", "mouse",  "newt",    "otter",  "owl",
    "panda",  "pigeon", "pike",   "pony",  "puffin", "rabbit",  "raven",  "robin",
    "salmon", "seal",   "shrew",  "stork", "swan",   "tapir",   "trout",  "wren",
};

char *names_make(u64 seed)
{
    return xasprintf("%s-%s", manners[seed % ARRAY_SIZE(manners)],
                     animals[(seed >> 16) % ARRAY_SIZE(animals)]);
}
