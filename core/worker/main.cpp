// golong-worker: the process in which an isolated reward runs. Started by golong, never by hand.
#include "core/score/worker.h"

int main() { return golong::run_worker(); }
