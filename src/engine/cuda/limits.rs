//! The largest sizes that the kernels can address.

use super::plan::Shape;
use crate::engine::EngineError;

/// The kernels address a map of 16 half channels by 32 bits.
const MOST_PIXELS: usize = 1 << 27;
/// A signed number of 32 bits counts the numbers of an event tensor.
const MOST_CELLS: usize = 1 << 24;

/// Rejects sizes whose maps the kernels cannot address.
pub(super) fn check_shape(shape: Shape) -> Result<(), EngineError> {
    for (what, size, most) in
        [("image", shape.image, MOST_PIXELS), ("event tensor", shape.padded, MOST_CELLS)]
    {
        if size.area() > most {
            let text = format!("{what} of {size}: the kernels address {most} pixels at most");
            return Err(EngineError::Shape(text));
        }
    }
    Ok(())
}
