//! Arithmetic: SAN on tensors. Knows nothing of cameras.

pub mod cpu;
