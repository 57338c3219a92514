// All kernels, as one module.
#include "conv.cu"
#include "deform.cu"
#include "eger.cu"
#include "ends.cu"
#include "single.cu"
#include "prior.cu"
