//! How pipelines are made: the same way for every source that is chosen.

use super::wake::Wake;
use crate::engine::SharedDevice;
use crate::live::{
    Compute, ExposureSource, FrameOutput, MakeRestorer, OpenSettings, Parts, Pipeline, Playback,
    RigHandle, Sources, Sparse, open_with_clock, pass_through, san_with,
};
use crate::network::Weights;
use crate::panics::Locked;
use std::sync::{Arc, Mutex};

/// Opens a source by its name.
pub(super) type Open =
    Arc<dyn Fn(&Sources, &RigHandle) -> Result<Box<dyn ExposureSource>, String> + Send + Sync>;

/// Reads weights; runs on the engine's thread.
pub(super) type GetWeights = Box<dyn FnOnce() -> Result<Weights, String> + Send>;

/// Makes restorers from weights.
pub(super) type Make = Arc<dyn Fn(GetWeights) -> MakeRestorer + Send + Sync>;

/// Settings of every pipeline, independent of its source.
#[derive(Clone)]
pub(super) struct Recipe {
    /// Opens sources; tests inject their own.
    pub open: Open,
    /// Creates the restorer from weights.
    pub restorer: Make,
    /// Creates the restorer of films of recordings.
    pub film_restorer: Make,
    /// The weights in use.
    pub weights: Arc<Mutex<Arc<Weights>>>,
    /// Choose the frame size by measuring the speed; otherwise the source's size is kept.
    pub adapt: bool,
    /// Where restored frames are sent, for every source.
    pub outputs: Vec<Arc<dyn FrameOutput>>,
    /// Requests a repaint of the window.
    pub wake: Wake,
}

impl Recipe {
    /// Reads the weights in use.
    fn current(&self) -> GetWeights {
        let weights = self.weights.clone();
        let current = move || weights.locked().as_ref().clone();
        Box::new(move || Ok(current()))
    }

    /// A restorer with the weights in use.
    pub(super) fn restorer(&self) -> MakeRestorer {
        (self.restorer)(self.current())
    }

    /// A restorer of films of recordings with the weights in use.
    pub(super) fn film_restorer(&self) -> MakeRestorer {
        (self.film_restorer)(self.current())
    }

    /// Starts a pipeline that reads from `source`.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub(super) fn start(&self, source: Box<dyn ExposureSource>) -> std::io::Result<Pipeline> {
        let wake = self.wake.clone();
        let notify = Box::new(move || wake());
        let parts = Parts { source, restorer: self.restorer(), adapt: self.adapt, notify };
        Pipeline::start_with_outputs(parts, self.outputs.clone())
    }
}

/// Creates SAN restorers on `compute`, or ones that restore nothing if none. Pictures stay on the
/// `shared` device if the engine computes on it.
pub(super) fn restoring(compute: Option<Compute>, shared: Option<SharedDevice>) -> Make {
    Arc::new(move |weights| match compute {
        Some(compute) => san_with(weights, compute, shared.clone()),
        None => pass_through(),
    })
}

/// As [`restoring`], for films of recordings: everything is restored, also what does not move, as
/// `gem-live deblur` does.
pub(super) fn restoring_films(compute: Option<Compute>, shared: Option<SharedDevice>) -> Make {
    let whole = |compute: Compute| Compute { sparse: Sparse::Off, ..compute };
    restoring(compute.map(whole), shared)
}

/// Opens sources as the command line does; recordings loop.
pub(super) fn opener(settings: OpenSettings) -> Open {
    Arc::new(move |name, rig_handle| {
        open_with_clock(name, Playback::Loop, settings, rig_handle, |_| Ok(()))
            .map_err(|e| e.to_string())
    })
}
