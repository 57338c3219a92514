//! What makes two cameras one instrument: clock mapping, pixel alignment, and the
//! synchronisation buffer that turns frames and events into exposures.

pub mod clock;
pub mod sync;
