//! What restores exposures, and how it is made.

use super::{Diagnostics, LiveFrame};
use crate::engine::{Choice, Selected, select};
use crate::event::Thresholds;
use crate::image::{ImageU8, Rounding};
use crate::network::Weights;
use crossbeam_channel::{Receiver, never};
use std::sync::Arc;

/// Something that restores exposures, one or several at a time.
pub trait Restorer: Send {
    /// What it is, for people: which engine, and why that one.
    fn describe(&self) -> String;

    /// How many more exposures may be submitted before one has to be collected.
    fn free_slots(&mut self) -> usize;

    /// Sets the event camera's contrast thresholds for the exposures that follow.
    fn set_thresholds(&mut self, thresholds: Thresholds) {
        let _ = thresholds;
    }

    /// Takes an exposure. One that works by itself starts and returns at once.
    ///
    /// # Errors
    /// Why it could not, in words for a person; then there is nothing to collect.
    fn submit(&mut self, captured: &Arc<LiveFrame>, instants: &[f64]) -> Result<(), String>;

    /// The sharp image at every instant of what was submitted first; no image at all if it only
    /// passes exposures on.
    ///
    /// # Errors
    /// Why it could not, in words for a person.
    fn collect(&mut self) -> Result<Vec<ImageU8>, String>;

    /// Whether [`Restorer::collect`] need not wait for anything but its own work.
    fn is_ready(&mut self) -> bool {
        true
    }

    /// Gets something whenever [`Restorer::is_ready`] may have become true.
    fn ready_channel(&mut self) -> Receiver<()> {
        never()
    }
}

/// SAN on an engine.
pub struct San {
    /// Restores.
    pub deblurrer: crate::Deblurrer,
    /// Which engine it has, and why.
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

    fn submit(&mut self, captured: &Arc<LiveFrame>, instants: &[f64]) -> Result<(), String> {
        let exposure = captured.clone();
        (self.deblurrer.submit(exposure, instants, Rounding::Nearest)).map_err(|e| e.to_string())
    }

    fn collect(&mut self) -> Result<Vec<ImageU8>, String> {
        self.deblurrer.collect().map_err(|e| e.to_string())
    }

    fn is_ready(&mut self) -> bool {
        self.deblurrer.is_ready()
    }

    fn ready_channel(&mut self) -> Receiver<()> {
        self.deblurrer.ready_channel()
    }
}

/// Restores nothing: what remains is the path itself, to be measured.
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

/// Makes a restorer, on the engine thread, where it may take its time. What happens to the
/// restorer later goes to the notices.
pub type MakeRestorer = Box<dyn FnOnce(&Diagnostics) -> Result<Box<dyn Restorer>, String> + Send>;

/// What SAN is to be computed on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Compute {
    /// A card, the processor, or whatever is there.
    pub choice: Choice,
    /// Number of the card, if a certain one is wanted.
    pub device: Option<usize>,
    /// Threads on the processor; 0 takes one for every one.
    pub threads: usize,
}

/// SAN with these weights; a card that fails later is replaced by the processor.
pub fn san(
    weights: impl FnOnce() -> Result<Weights, String> + Send + 'static,
    compute: Compute,
) -> MakeRestorer {
    Box::new(move |notices| {
        let Compute { choice, device, threads } = compute;
        let notices = notices.clone();
        let notice = Box::new(move |line: &str| notices.notify("card", line.to_owned()));
        let selected = select(&weights()?, choice, device, threads, notice);
        let Selected { engine, reason } = selected.map_err(|e| e.to_string())?;
        let deblurrer = crate::Deblurrer::new(engine);
        Ok(Box::new(San { deblurrer, description: reason }) as Box<dyn Restorer>)
    })
}

/// No restoration at all.
pub fn nothing() -> MakeRestorer {
    Box::new(|_| Ok(Box::new(PassThrough)))
}
