//! Luma of a colour.

/// Weights of blue, green and red in the luma (ITU-R BT.601).
pub const LUMA_BGR: [f32; 3] = [0.114, 0.587, 0.299];
