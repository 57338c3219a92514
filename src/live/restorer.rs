//! Restorers of exposures, and how they are created.

use super::{Diagnostics, LiveFrame};
use crate::deblur::Pictures;
use crate::engine::{Choice, Selected, SharedDevice, SparseEngine, select_with};
use crate::event::Thresholds;
use crate::image::{ImageF32, ImageU8, Rounding};
use crate::network::Weights;
use crossbeam_channel::{Receiver, never};
use std::sync::Arc;

/// Restores exposures, one or several at a time.
pub trait Restorer: Send {
    /// Description for the user: the engine, and why it was selected.
    fn describe(&self) -> String;

    /// How many more exposures can be submitted before one has to be collected.
    fn free_slots(&mut self) -> usize;

    /// Sets the event camera's contrast thresholds for the exposures that follow.
    fn set_thresholds(&mut self, thresholds: Thresholds) {
        let _ = thresholds;
    }

    /// Sets from how many instants the mean is computed for reblurring the exposures that follow;
    /// `None` turns it off.
    fn set_reblur_instants(&mut self, count: Option<u16>) {
        let _ = count;
    }

    /// Submits an exposure, to be restored at `instants` (fractions of the exposure). An
    /// asynchronous restorer starts and returns at once.
    ///
    /// # Errors
    /// The reason as text for the user; then there is nothing to collect.
    fn submit(&mut self, captured: &Arc<LiveFrame>, instants: &[f64]) -> Result<(), String>;

    /// Returns the sharp images of the exposure that was submitted first, one per instant. Returns
    /// no images if the restorer only passes exposures through.
    ///
    /// # Errors
    /// The reason as text for the user.
    fn collect(&mut self) -> Result<Vec<ImageU8>, String>;

    /// The sharp images of an exposure at `instants`, not rounded where the restorer can. No exposure
    /// may wait to be collected.
    ///
    /// # Errors
    /// The reason as text for the user.
    fn restore_planes(
        &mut self,
        captured: &Arc<LiveFrame>,
        instants: &[f64],
    ) -> Result<Vec<ImageF32>, String> {
        self.submit(captured, instants)?;
        Ok(self.collect()?.iter().map(ImageU8::to_f32).collect())
    }

    /// Like [`Restorer::submit`]; the picture of a single instant may stay on a device that the
    /// restorer shares with the reader, and is copied to memory only if `read_back`.
    ///
    /// # Errors
    /// Like [`Restorer::submit`].
    fn submit_to_device(
        &mut self,
        captured: &Arc<LiveFrame>,
        instants: &[f64],
        read_back: bool,
    ) -> Result<(), String> {
        let _ = read_back;
        self.submit(captured, instants)
    }

    /// Like [`Restorer::collect`], with a picture that stayed on the device.
    ///
    /// # Errors
    /// Like [`Restorer::collect`].
    fn collect_pictures(&mut self) -> Result<Pictures, String> {
        Ok(Pictures { in_memory: self.collect()?, on_device: None })
    }

    /// The share of the last exposure's image that was computed; the rest was copied.
    fn computed_share(&self) -> f64 {
        1.0
    }

    /// Whether [`Restorer::collect`] returns without waiting, apart from its own computation.
    fn can_collect(&mut self) -> bool {
        true
    }

    /// A channel that receives whenever [`Restorer::can_collect`] may have become true.
    fn ready_channel(&mut self) -> Receiver<()> {
        never()
    }
}

/// The SAN network on an engine.
pub struct San {
    /// Restores the exposures.
    pub deblurrer: crate::Deblurrer,
    /// The engine, and why it was selected.
    pub description: String,
}

impl Restorer for San {
    fn describe(&self) -> String {
        self.description.clone()
    }

    fn free_slots(&mut self) -> usize {
        self.deblurrer.free_slots()
    }

    fn set_thresholds(&mut self, thresholds: Thresholds) {
        self.deblurrer.set_thresholds(thresholds);
    }

    fn set_reblur_instants(&mut self, count: Option<u16>) {
        self.deblurrer.set_reblur_instants(count);
    }

    fn submit(&mut self, captured: &Arc<LiveFrame>, instants: &[f64]) -> Result<(), String> {
        let exposure = captured.clone();
        (self.deblurrer.submit(exposure, instants, Rounding::Nearest)).map_err(|e| e.to_string())
    }

    fn collect(&mut self) -> Result<Vec<ImageU8>, String> {
        self.deblurrer.collect().map_err(|e| e.to_string())
    }

    fn restore_planes(
        &mut self,
        captured: &Arc<LiveFrame>,
        instants: &[f64],
    ) -> Result<Vec<ImageF32>, String> {
        self.deblurrer.restore(&captured.exposure, instants).map_err(|e| e.to_string())
    }

    fn submit_to_device(
        &mut self,
        captured: &Arc<LiveFrame>,
        instants: &[f64],
        read_back: bool,
    ) -> Result<(), String> {
        let (exposure, rounding) = (captured.clone(), Rounding::Nearest);
        (self.deblurrer.submit_to_device(exposure, instants, rounding, read_back))
            .map_err(|e| e.to_string())
    }

    fn collect_pictures(&mut self) -> Result<Pictures, String> {
        self.deblurrer.collect_pictures().map_err(|e| e.to_string())
    }

    fn computed_share(&self) -> f64 {
        self.deblurrer.computed_share()
    }

    fn can_collect(&mut self) -> bool {
        self.deblurrer.can_collect()
    }

    fn ready_channel(&mut self) -> Receiver<()> {
        self.deblurrer.ready_channel()
    }
}

/// Restores nothing, to measure the latency of the pipeline alone.
pub struct PassThrough;

impl Restorer for PassThrough {
    fn describe(&self) -> String {
        "no restoration".into()
    }

    fn free_slots(&mut self) -> usize {
        1
    }

    fn submit(&mut self, _: &Arc<LiveFrame>, _: &[f64]) -> Result<(), String> {
        Ok(())
    }

    fn collect(&mut self) -> Result<Vec<ImageU8>, String> {
        Ok(Vec::new())
    }
}

/// Creates a restorer on the engine thread, where it may block. Later events, such as a GPU that
/// fails, are reported to the diagnostics.
pub type MakeRestorer = Box<dyn FnOnce(&Diagnostics) -> Result<Box<dyn Restorer>, String> + Send>;

/// What SAN is computed on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Compute {
    /// A GPU, the CPU, or the best that is available.
    pub choice: Choice,
    /// Index of the GPU; `None` for any.
    pub device: Option<usize>,
    /// CPU threads; 0 for one per logical CPU.
    pub threads: usize,
    /// Whether to restore only the parts of an exposure in which something moved.
    pub sparse: Sparse,
}

/// Whether only the parts of an exposure in which something moved are restored, and the rest is
/// copied: see [`SparseEngine`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sparse {
    /// No.
    #[default]
    Off,
    /// Yes, on any engine.
    On,
    /// On the CPU only: a GPU overlaps exposures instead, and pictures can stay on it.
    Auto,
}

/// Exposures of each size that are restored as a whole first, because [`SizeChoice`](super::SizeChoice)
/// has to know how long that takes: it needs three after the first.
const WHOLE_FIRST: usize = 4;

/// SAN with these weights. If a GPU fails later, the CPU replaces it.
pub fn san(
    weights: impl FnOnce() -> Result<Weights, String> + Send + 'static,
    compute: Compute,
) -> MakeRestorer {
    san_with(weights, compute, None)
}

/// Like [`san`]; the engine computes on the `shared` device if that is of the selected adapter, and
/// then leaves pictures there.
pub fn san_with(
    weights: impl FnOnce() -> Result<Weights, String> + Send + 'static,
    compute: Compute,
    shared: Option<SharedDevice>,
) -> MakeRestorer {
    Box::new(move |notices| {
        let Compute { choice, device, threads, sparse } = compute;
        let notices = notices.clone();
        let notice = Box::new(move |line: &str| notices.notify("card", line.to_owned()));
        let (weights, shared) = (weights()?, shared.as_ref());
        let selected = select_with(&weights, choice, device, threads, shared, notice);
        let Selected { mut engine, reason: mut description, on_cpu } =
            selected.map_err(|e| e.to_string())?;
        if sparse == Sparse::On || (sparse == Sparse::Auto && on_cpu) {
            engine = Box::new(SparseEngine::with_warm_up(engine, WHOLE_FIRST));
            description.push_str("; only what moves is restored");
        }
        let deblurrer = crate::Deblurrer::new(engine);
        Ok(Box::new(San { deblurrer, description }) as Box<dyn Restorer>)
    })
}

/// A restorer that passes exposures through.
pub fn pass_through() -> MakeRestorer {
    Box::new(|_| Ok(Box::new(PassThrough)))
}
