//! Tests of the window without a screen: keys, buttons and dialogs are addressed by name, with a
//! scripted source and restorer.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

mod aligning;
mod camera_controls;
mod card;
mod dropped_files;
mod exporting;
mod filming;
mod first_run;
mod layout;
mod old_settings;
mod panels;
mod playing;
mod recording;
mod snapshots;
mod stored_settings;
mod thresholds;
mod views;

#[path = "../../../tests/aedat4/mod.rs"]
mod aedat4;
#[path = "../../../tests/boards/mod.rs"]
mod boards;

use super::app::App;
use super::recipe::{self, Recipe};
use super::session::Session;
use super::theme;
use crate::camera;
use crate::event::Event;
use crate::exposure::Exposure;
use crate::image::{ImageU8, Size};
use crate::live::{
    Control, Diagnostics, ExposureSource, LiveFrame, Next, Restorer, RigHandle, SourceError,
    SourceName, SourceReport, Sources, Transport,
};
use crate::network::Weights;
use crate::sequence::Pair;
use crate::time::TimeRange;
use eframe::egui::{self, Key};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const SIZE: Size = Size::new(64, 48);
const SENSOR: Size = Size::new(32, 24);

/// Behaviour of the fake source, and the controls that it has received.
#[derive(Clone, Default)]
struct Script {
    received: Arc<Mutex<Vec<Control>>>,
    /// It is a recording with a transport.
    recording: bool,
    /// Its frames have no ground truth.
    no_truth: bool,
    /// Its frames are gray.
    gray: bool,
    /// It was played to its end and delivers nothing.
    silent: bool,
    controls: Vec<camera::Control>,
    /// Number of frames that are missing after the first one.
    gap: u64,
    /// Drops that the source reports.
    lost: Vec<camera::DropSnapshot>,
}

impl Script {
    fn received(&self) -> Vec<Control> {
        self.received.lock().unwrap().clone()
    }
}

struct Fake {
    script: Script,
    number: u64,
}

impl ExposureSource for Fake {
    fn name(&self) -> String {
        "fake camera".into()
    }

    fn shapes(&self) -> Vec<crate::live::Shape> {
        Vec::new()
    }

    fn interval(&self) -> Duration {
        Duration::from_millis(5)
    }

    fn next(&mut self, _: Duration) -> Result<Next, SourceError> {
        std::thread::sleep(Duration::from_millis(3));
        if self.script.silent {
            return Ok(Next::Waiting);
        }
        self.number += if self.number == 1 { 1 + self.script.gap } else { 1 };
        let mut captured = captured(self.number);
        if self.script.no_truth {
            captured.truth.clear();
        }
        if self.script.gray {
            let data = captured.picture.plane(0).to_vec();
            captured.picture = ImageU8::new(1, SIZE, data).unwrap();
            captured.exposure.frame = captured.picture.clone().into();
            captured.truth.clear();
        }
        Ok(Next::Exposure(Box::new(captured)))
    }

    fn control(&mut self, control: Control) {
        self.script.received.lock().unwrap().push(control);
    }

    fn controls(&self) -> &[camera::Control] {
        &self.script.controls
    }

    fn report(&self) -> SourceReport {
        SourceReport { lost: self.script.lost.clone(), ..SourceReport::default() }
    }

    fn transport(&self) -> Option<Transport> {
        let at = |position| Transport { position, paused: false, speed: 1.0 };
        let position = if self.script.silent { 1.0 } else { 0.25 };
        self.script.recording.then(|| at(position))
    }
}

/// A gray ramp, with a brighter ramp as ground truth, and one event below the labels.
fn captured(number: u64) -> LiveFrame {
    let data = (0..3 * SIZE.area()).map(|i| (i % SIZE.width) as u8 + 40).collect();
    let picture = ImageU8::new(3, SIZE, data).unwrap();
    let truth = picture.map(|v| v + 20);
    let exposure = Exposure {
        frame: picture.into(),
        span: TimeRange::new(0.0, 10_000.0),
        events: vec![Event { t_us: 5000, x: 16, y: 20, polarity: true }].into(),
        sensor: SENSOR,
    };
    LiveFrame { truth: vec![(0.5, truth)], ..LiveFrame::new(number, exposure) }
}

/// A recorded pair that begins at `tenths` of a second, with one event.
fn pair(picture: &ImageU8, tenths: i64) -> Pair {
    let at = tenths * 100_000;
    Pair {
        frames: [picture.clone(), picture.clone()],
        exposures_us: [[at, at + 20_000], [at + 50_000, at + 70_000]],
        events: vec![Event { t_us: at + 5, x: 3, y: 2, polarity: true }],
        scale_factor: 2.0,
        truth: None,
    }
}

/// A restorer that brightens frames by `levels`.
struct Brighter {
    levels: u8,
    submitted: Vec<ImageU8>,
}

impl Restorer for Brighter {
    fn describe(&self) -> String {
        "a fake GPU".into()
    }

    fn free_slots(&mut self) -> usize {
        usize::from(self.submitted.is_empty())
    }

    fn submit(&mut self, captured: &Arc<LiveFrame>, instants: &[f64]) -> Result<(), String> {
        let one = captured.picture.map(|v| v.saturating_add(self.levels));
        self.submitted = vec![one; instants.len()];
        Ok(())
    }

    fn collect(&mut self) -> Result<Vec<ImageU8>, String> {
        Ok(std::mem::take(&mut self.submitted))
    }
}

fn embedded() -> Weights {
    Weights::embedded().unwrap()
}

/// The first value of the weights.
fn first(weights: &Weights) -> f32 {
    weights.iter().next().unwrap().1.data[0]
}

fn recipe(open: recipe::Open) -> Recipe {
    let restorer: recipe::Make = Arc::new(|weights| {
        Box::new(move |_: &Diagnostics| {
            // The output shows which weights were used.
            let levels = 50 + (first(&weights()?) - first(&embedded())).round() as u8;
            Ok(Box::new(Brighter { levels, submitted: Vec::new() }) as Box<dyn Restorer>)
        })
    });
    Recipe {
        open,
        restorer: restorer.clone(),
        film_restorer: restorer,
        weights: Arc::new(Mutex::new(Arc::new(Weights::embedded().unwrap()))),
        adapt: false,
        outputs: Vec::new(),
        wake: Arc::new(|| ()),
    }
}

/// A window with a fake source; other sources are opened as in the program.
fn window(script: &Script) -> App {
    window_with(script, recipe(recipe::opener(Default::default())))
}

fn window_with(script: &Script, recipe: Recipe) -> App {
    let source = Box::new(Fake { script: script.clone(), number: 0 });
    let pipeline = recipe.start(source).unwrap();
    let name = Sources::One(SourceName::davis(None));
    let session = Session::new(pipeline, RigHandle::default(), name, recipe, None);
    App::new(session, None, None, Arc::new(|| ()))
}

type Shown = Harness<'static, App>;

/// The window, maybe before its first picture.
fn opened_at(window: App, width: f32, height: f32) -> Shown {
    let harness = Harness::builder()
        .with_size(egui::vec2(width, height))
        .build_ui_state(|ui, app: &mut App| crate::gui::window::show(app, ui), window);
    theme::apply(&harness.ctx);
    harness
}

fn shown_at(window: App, width: f32, height: f32) -> Shown {
    let mut harness = opened_at(window, width, height);
    until(&mut harness, "a picture", |w| w.player.latest.is_some());
    harness
}

/// The window at its default size, with a first picture.
fn shown(window: App) -> Shown {
    shown_at(window, 1240.0, 540.0)
}

/// Draws frames until `done`, for at most 30 s on slow machines.
fn until(harness: &mut Shown, what: &str, done: impl Fn(&App) -> bool) {
    let start = Instant::now();
    loop {
        harness.step();
        if done(harness.state()) {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(120), "timeout while waiting for {what}");
        std::thread::sleep(Duration::from_millis(3));
    }
}

fn press(harness: &mut Shown, key: Key) {
    harness.key_press(key);
    harness.run_steps(2);
}

/// Clicks the first clickable widget with this name.
fn click(harness: &mut Shown, name: &str) {
    use egui::Role;
    let roles = [Role::Button, Role::RadioButton, Role::CheckBox, Role::ComboBox];
    {
        let mut all = harness.query_all_by_label(name);
        let node = all.find(|n| roles.contains(&n.accesskit_node().role()));
        node.unwrap_or_else(|| panic!("there is no clickable widget named {name}")).click();
    }
    harness.run_steps(3);
}

/// Whether this text is on the screen.
fn shows(harness: &Shown, text: &str) -> bool {
    harness.query_all_by_label_contains(text).next().is_some()
}
