//! SAN on the processor.
