//! An exposure that the restorer computes.

use super::{LiveFrame, RestoreRequest, Restorer};
use crate::panics::caught;
use std::sync::Arc;
use std::time::Instant;

/// An exposure that was submitted and not collected yet.
pub(super) struct InFlight {
    pub(super) captured: Arc<LiveFrame>,
    pub(super) request: RestoreRequest,
    pub(super) repeated: bool,
    pub(super) start: Instant,
    /// Why the restorer refused it.
    pub(super) refused: Option<String>,
}

impl InFlight {
    /// Submits an exposure.
    pub(super) fn submit(
        restorer: &mut dyn Restorer,
        captured: &Arc<LiveFrame>,
        request: &RestoreRequest,
        repeated: bool,
        read_back: bool,
    ) -> Self {
        let _span = tracing::trace_span!("submit", frame = captured.number).entered();
        let start = Instant::now();
        restorer.set_thresholds(request.thresholds(captured));
        restorer.set_reblur_instants(request.reblur_instants(captured));
        let refused =
            catch_panic(|| restorer.submit_to_device(captured, &request.instants, read_back)).err();
        Self { captured: captured.clone(), request: request.clone(), repeated, start, refused }
    }
}

/// Turns a panic into an error, so that the program continues.
pub(super) fn catch_panic<T>(f: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    caught(f)?
}
