// The C interface of plug-ins, as `-I engine` finds it.
#include "backend/plugin.h"
