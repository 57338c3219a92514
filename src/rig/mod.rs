//! What makes two cameras one instrument: clock mapping and the synchronisation buffer that
//! turns frames and events into exposures.

pub mod clock;
mod condition;
mod live;
pub mod sync;

pub use condition::{Conditioned, EventStage, StageCount};
pub use live::{Change, Input, Rig, RigSettings, RigState, Role};
