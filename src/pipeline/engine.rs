//! The engine thread: takes the newest exposure, restores what the window wishes to see.

use super::notices::Notices;
use super::size::SizeChoice;
use super::slot::{Put, Reader, Writer};
use super::source::{Captured, Control, Shape};
use super::stats::Stats;
use crate::deblur::{Thresholds, edi};
use crate::engine::{Choice, Selected, select as select_engine};
use crate::event::Span;
use crate::frame::{Exposure, Picture, Planes};
use crate::metrics::{psnr, sharpness, ssim};
use crate::network::Weights;
use crossbeam_channel::{Receiver, Sender, never, select};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Something that restores exposures.
pub trait Restorer: Send {
    /// What it is, for people: which engine, and why that one.
    fn describe(&self) -> String;

    /// The sharp image at every instant; no image at all if it only passes exposures on.
    ///
    /// # Errors
    /// Why it could not, in words for a person.
    fn restore(&mut self, exposure: &Exposure, instants: &[f64]) -> Result<Vec<Planes>, String>;
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

    fn restore(&mut self, exposure: &Exposure, instants: &[f64]) -> Result<Vec<Planes>, String> {
        self.deblurrer.restore(exposure, instants).map_err(|e| e.to_string())
    }
}

/// Restores nothing: what remains is the path itself, to be measured.
pub struct PassThrough;

impl Restorer for PassThrough {
    fn describe(&self) -> String {
        "no restoration".into()
    }

    fn restore(&mut self, _: &Exposure, _: &[f64]) -> Result<Vec<Planes>, String> {
        Ok(Vec::new())
    }
}

/// Makes a restorer, on the engine thread, where it may take its time. What happens to the
/// restorer later goes to the notices.
pub type MakeRestorer = Box<dyn FnOnce(&Notices) -> Result<Box<dyn Restorer>, String> + Send>;

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
        let notice = Box::new(move |line: &str| notices.say("card", line.to_owned()));
        let selected = select_engine(&weights()?, choice, device, threads, notice);
        let Selected { engine, reason } = selected.map_err(|e| e.to_string())?;
        let deblurrer = crate::Deblurrer::new(engine);
        Ok(Box::new(San { deblurrer, description: reason }) as Box<dyn Restorer>)
    })
}

/// No restoration at all.
pub fn nothing() -> MakeRestorer {
    Box::new(|_| Ok(Box::new(PassThrough)))
}

/// How exposures are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Take {
    /// Always the newest.
    #[default]
    Newest,
    /// None: the last one is restored again whenever the wish changes.
    Hold,
    /// One for every new number.
    One(u64),
}

/// What the window wants to see.
#[derive(Clone, Debug, PartialEq)]
pub struct Wish {
    /// Fractions of the exposure.
    pub instants: Vec<f64>,
    /// How exposures are taken.
    pub take: Take,
    /// The event-based double integral too, for comparison, with this contrast threshold.
    pub edi: Option<f64>,
}

impl Default for Wish {
    fn default() -> Self {
        Self { instants: vec![0.5], take: Take::Newest, edi: None }
    }
}

/// An exposure on its way to the screen.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What was captured.
    pub captured: Arc<Captured>,
    /// The instants that were asked for.
    pub instants: Vec<f64>,
    /// SAN's images, one for every instant; empty if restoring failed or is off.
    pub restored: Vec<Picture>,
    /// EDI's images, if they were wished for.
    pub edi: Vec<Picture>,
    /// Time that SAN took.
    pub restore_time: Duration,
    /// PSNR in dB of the blurry and the restored image, where the truth is known.
    pub psnr_db: Option<(f64, f64)>,
    /// SSIM of the blurry and the restored image, where the truth is known; now and then only,
    /// because it takes longer than a small picture's restoration on a card.
    pub ssim: Option<(f64, f64)>,
    /// Sharpness of the restored image over that of the blurry one.
    pub sharpness_gain: Option<f64>,
    /// The engine could not restore it; only the blurry image is there.
    pub failed: bool,
    /// The same exposure as before, restored for another wish.
    pub repeated: bool,
}

/// Everything that the engine thread holds.
pub(super) struct EngineThread {
    pub exposures: Receiver<Captured>,
    pub wishes: Reader<Wish>,
    pub swaps: Receiver<MakeRestorer>,
    pub outcomes: Writer<Outcome>,
    pub controls: Sender<Control>,
    pub size: Option<SizeChoice>,
    pub interval: Duration,
    pub stats: Stats,
    pub notices: Notices,
    pub description: Arc<std::sync::Mutex<String>>,
    pub notify: Box<dyn Fn() + Send>,
    /// When SSIM was computed last, and how long that took.
    pub judged: Option<(Instant, Duration)>,
}

impl EngineThread {
    /// Runs until the source's thread or the window is gone.
    pub(super) fn run(mut self) {
        let mut restorer: Option<Box<dyn Restorer>> = None;
        let mut wish = Wish::default();
        let mut last: Option<Arc<Captured>> = None;
        let mut served = 0;
        let mut arrived = false;
        // What the last outcome shows, so that a held exposure is restored again only for more.
        let mut seen: Option<(Vec<f64>, Option<f64>)> = None;
        loop {
            let take = match wish.take {
                Take::Newest => true,
                // The very first exposure is needed to have something to hold.
                Take::Hold => last.is_none(),
                Take::One(number) => number != served,
            };
            let none = never();
            let exposures = if take && restorer.is_some() { &self.exposures } else { &none };
            let swapped = select! {
                recv(self.swaps) -> make => match make {
                    Ok(make) => self.swap(&mut restorer, make),
                    Err(_) => return,
                },
                recv(self.wishes.channel()) -> new => match new {
                    Ok(new) => {
                        wish = new;
                        false
                    }
                    Err(_) => return,
                },
                recv(exposures) -> captured => match captured {
                    Ok(captured) => {
                        last = Some(Arc::new(captured));
                        arrived = true;
                        if let Take::One(number) = wish.take {
                            served = number;
                        }
                        false
                    }
                    Err(_) => return,
                },
            };
            let (Some(captured), Some(restorer)) = (&last, restorer.as_mut()) else { continue };
            let fresh = std::mem::take(&mut arrived);
            let stale = || (seen.as_ref()).is_none_or(|s| s.0 != wish.instants || s.1 != wish.edi);
            // While exposures flow, a new wish is for the next one.
            if fresh || (wish.take == Take::Hold && (swapped || stale())) {
                seen = Some((wish.instants.clone(), wish.edi));
                let outcome = self.serve(restorer.as_mut(), captured, &wish, !fresh);
                match self.outcomes.put(outcome) {
                    Put::Stored => {}
                    Put::Replaced(old) if old.failed || old.repeated => {}
                    Put::Replaced(_) => self.stats.dropped(|d| d.display += 1),
                    Put::Closed(_) => return,
                }
                (self.notify)();
            }
        }
    }

    /// Takes a new restorer; keeps the old one if the new one cannot be made.
    fn swap(&self, restorer: &mut Option<Box<dyn Restorer>>, make: MakeRestorer) -> bool {
        let made = catch_unwind(AssertUnwindSafe(|| make(&self.notices)))
            .unwrap_or_else(|p| Err(panic_text(&*p)));
        let new = match made {
            Ok(new) => {
                self.notices.settle("weights");
                Some(new)
            }
            Err(text) => {
                self.notices.say("weights", text);
                // Blurry pictures are better than none.
                restorer.is_none().then(|| Box::new(PassThrough) as Box<dyn Restorer>)
            }
        };
        let Some(new) = new else { return false };
        *self.description.lock().unwrap_or_else(std::sync::PoisonError::into_inner) =
            new.describe();
        self.stats.restart_times();
        *restorer = Some(new);
        (self.notify)();
        true
    }

    fn serve(
        &mut self,
        restorer: &mut dyn Restorer,
        captured: &Arc<Captured>,
        wish: &Wish,
        repeated: bool,
    ) -> Outcome {
        let exposure = &captured.exposure;
        let start = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| restorer.restore(exposure, &wish.instants)))
            .unwrap_or_else(|panic| Err(panic_text(&*panic)));
        let restore_time = start.elapsed();
        let failed = result.is_err();
        let images = match result {
            Ok(images) => {
                self.notices.settle("engine");
                images
            }
            Err(text) => {
                self.stats.dropped(|d| d.failed += 1);
                self.notices.say("engine", format!("cannot restore: {text}"));
                Vec::new()
            }
        };
        if !failed && !repeated {
            self.stats.restored(restore_time);
        }
        if !images.is_empty() {
            self.choose_size(exposure, wish, restore_time);
        }
        let restored: Vec<Picture> = images.iter().map(shown).collect();
        let compare = |contrast| compare(exposure, &wish.instants, contrast, &self.notices);
        let edi = wish.edi.map(compare).unwrap_or_default();
        let known = restored.first().zip(wish.instants.first());
        let known = known.and_then(|(image, at)| Some((captured.truth_at(*at)?, image)));
        let psnr_db = known.and_then(|(truth, image)| {
            Some((psnr(truth, &captured.picture).ok()?, psnr(truth, image).ok()?))
        });
        let ssim = known.and_then(|(truth, image)| self.judge(truth, &captured.picture, image));
        let sharpness_gain = images.first().and_then(|image| {
            let before = sharpness(&exposure.frame);
            (before > 0.0).then(|| sharpness(image) / before)
        });
        let (captured, instants) = (captured.clone(), wish.instants.clone());
        Outcome {
            captured,
            instants,
            restored,
            edi,
            restore_time,
            psnr_db,
            ssim,
            sharpness_gain,
            failed,
            repeated,
        }
    }

    /// SSIM of both, if not more than a fiftieth of the time goes into it.
    fn judge(&mut self, truth: &Picture, blurry: &Picture, image: &Picture) -> Option<(f64, f64)> {
        const SHARE: u32 = 50;
        if self.judged.is_some_and(|(at, took)| at.elapsed() < took * SHARE) {
            return None;
        }
        let start = Instant::now();
        let both = ssim(truth, blurry).ok().zip(ssim(truth, image).ok());
        self.judged = Some((start, start.elapsed()));
        both
    }

    fn choose_size(&mut self, exposure: &Exposure, wish: &Wish, time: Duration) {
        let shape = Shape { image: exposure.frame.size(), sensor: exposure.sensor };
        let Some(choice) = self.size.as_mut().filter(|_| wish.take == Take::Newest) else { return };
        if let Some(index) = choice.observe(shape, wish.instants.len(), time, self.interval) {
            self.stats.restart_times();
            // A source that is gone has no size to change.
            let _ = self.controls.send(Control::Shape(index));
        }
    }
}

/// EDI's images with one contrast threshold for both polarities.
fn compare(
    exposure: &Exposure,
    instants: &[f64],
    contrast: f64,
    notices: &Notices,
) -> Vec<Picture> {
    let at = |f: &f64| Span::instant(exposure.span.at(*f));
    let targets: Vec<Span> = instants.iter().map(at).collect();
    match edi(exposure, &targets, Thresholds::both(contrast)) {
        Ok(images) => {
            notices.settle("EDI");
            images.iter().map(shown).collect()
        }
        Err(e) => {
            notices.say("EDI", format!("cannot compare with EDI: {e}"));
            Vec::new()
        }
    }
}

/// Rounded to eight bits, for the eye.
fn shown(image: &Planes) -> Picture {
    image.map(|v| (v.clamp(0.0, 1.0) * 255.0 + 0.5) as u8)
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = (panic.downcast_ref::<&str>().copied())
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("an internal error, please report it: {}", text.unwrap_or("unknown"))
}
