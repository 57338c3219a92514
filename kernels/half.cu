// Everything that a restoration in half precision runs, as one module.
#include "eger.cu"
#include "conv.cu"
#include "ends.cu"
#include "fuse.cu"
#include "deform.cu"
