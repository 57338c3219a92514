//! Training: SAN forward and backward, losses, optimiser, schedules, checkpoints.

pub mod cpu;
pub mod layout;
pub mod loss;
pub mod resize;
