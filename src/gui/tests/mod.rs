//! The window's behaviour without a screen: keys, buttons and dialogs by their names, with a
//! source and a restorer that do what they are told.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

mod aligning;
mod card;
mod exporting;
mod layout;
mod old_settings;
mod panels;
mod playing;
mod recording;
mod snapshots;
mod views;

#[path = "../../../tests/boards/mod.rs"]
mod boards;

use super::session::{self, Recipe, Session};
use super::state::Window;
use super::theme;
use crate::camera;
use crate::event::{Contrast, Event};
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

/// What a fake source was told, and whether it is a recording.
#[derive(Clone, Default)]
struct Script {
    told: Arc<Mutex<Vec<Control>>>,
    recording: bool,
    /// The truth of what it shows is not known.
    no_truth: bool,
    controls: Vec<camera::Control>,
    /// Frames that are missing after the first one, and what the source counts as lost.
    gap: u64,
    lost: Vec<camera::DropSnapshot>,
}

impl Script {
    fn told(&self) -> Vec<Control> {
        self.told.lock().unwrap().clone()
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
        self.number += if self.number == 1 { 1 + self.script.gap } else { 1 };
        let mut captured = captured(self.number);
        if self.script.no_truth {
            captured.truth.clear();
        }
        Ok(Next::Exposure(Box::new(captured)))
    }

    fn control(&mut self, control: Control) {
        self.script.told.lock().unwrap().push(control);
    }

    fn controls(&self) -> &[camera::Control] {
        &self.script.controls
    }

    fn report(&self) -> SourceReport {
        SourceReport { lost: self.script.lost.clone(), ..SourceReport::default() }
    }

    fn transport(&self) -> Option<Transport> {
        let at = |position| Transport { position, paused: false, speed: 1.0 };
        self.script.recording.then(|| at(0.25))
    }
}

/// A gray ramp, whose truth is the same one, brighter; one event below the labels.
fn captured(number: u64) -> LiveFrame {
    let data = (0..3 * SIZE.area()).map(|i| (i % SIZE.width) as u8 + 40).collect();
    let picture = ImageU8::new(3, SIZE, data).unwrap();
    let truth = picture.map(|v| v + 20);
    LiveFrame {
        number,
        exposure: Exposure {
            frame: picture.to_planes(),
            span: TimeRange::new(0.0, 10_000.0),
            events: vec![Event { t_us: 5000, x: 16, y: 20, polarity: true }].into(),
            sensor: SENSOR,
        },
        picture,
        contrast: Contrast::default(),
        truth: vec![(0.5, truth)],
        closed: Instant::now(),
        arrived: Instant::now(),
    }
}

/// The pair of a recording that begins at so many tenths of a second, with one event.
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

/// Brightens what it is given by so many levels.
struct Brighter {
    levels: u8,
    submitted: Vec<ImageU8>,
}

impl Restorer for Brighter {
    fn describe(&self) -> String {
        "a fake engine".into()
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

/// The first number of the weights.
fn first(weights: &Weights) -> f32 {
    weights.iter().next().unwrap().1.data[0]
}

fn recipe(open: session::Open) -> Recipe {
    Recipe {
        open,
        restorer: Arc::new(|weights| {
            Box::new(move |_: &Diagnostics| {
                // What comes out tells which weights were used.
                let levels = 50 + (first(&weights()?) - first(&embedded())).round() as u8;
                Ok(Box::new(Brighter { levels, submitted: Vec::new() }) as Box<dyn Restorer>)
            })
        }),
        weights: Arc::new(Mutex::new(Arc::new(Weights::embedded().unwrap()))),
        adapt: false,
        wake: Arc::new(|| ()),
    }
}

/// A window before a fake source; other sources are opened as the program would.
fn window(script: &Script) -> Window {
    let recipe = recipe(session::opener(Default::default()));
    let source = Box::new(Fake { script: script.clone(), number: 0 });
    let pipeline = recipe.start(source).unwrap();
    let name = Sources::One(SourceName::davis(None));
    let session = Session::new(pipeline, RigHandle::default(), name, recipe, None);
    Window::new(session, None, None, Arc::new(|| ()))
}

type Shown = Harness<'static, Window>;

fn shown_at(window: Window, width: f32, height: f32) -> Shown {
    let mut harness = Harness::builder()
        .with_size(egui::vec2(width, height))
        .build_ui_state(|ui, window: &mut Window| window.show(ui), window);
    theme::apply(&harness.ctx);
    until(&mut harness, "a picture", |w| w.latest.is_some());
    harness
}

/// The window at its own size, once a picture is there.
fn shown(window: Window) -> Shown {
    shown_at(window, 1240.0, 540.0)
}

/// Shows frames until `done`, for at most half a minute: machines differ.
fn until(harness: &mut Shown, what: &str, done: impl Fn(&Window) -> bool) {
    let start = Instant::now();
    loop {
        harness.step();
        if done(harness.state()) {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(30), "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(3));
    }
}

fn press(harness: &mut Shown, key: Key) {
    harness.key_press(key);
    harness.run_steps(2);
}

/// Clicks what has this name; of several the first that can be clicked.
fn click(harness: &mut Shown, name: &str) {
    use egui::Role;
    let roles = [Role::Button, Role::RadioButton, Role::CheckBox, Role::ComboBox];
    {
        let mut all = harness.query_all_by_label(name);
        let node = all.find(|n| roles.contains(&n.accesskit_node().role()));
        node.unwrap_or_else(|| panic!("nothing named {name} can be clicked")).click();
    }
    harness.run_steps(3);
}

/// Whether something with this text is on the screen.
fn says(harness: &Shown, text: &str) -> bool {
    harness.query_all_by_label_contains(text).next().is_some()
}
