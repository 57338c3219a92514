//! The first run: the line of the wipe moves by itself once, to show what the program does.

use eframe::egui;
use std::time::{Duration, Instant};

/// Where the line is at which time: seconds, and the fraction of the width. The picture begins
/// blurry, is restored from right to left, and ends half and half.
const PATH: [(f32, f32); 6] =
    [(0.0, 0.97), (1.5, 0.97), (5.0, 0.05), (6.0, 0.05), (7.5, MIDDLE), (8.0, MIDDLE)];
/// Where the line ends.
const MIDDLE: f32 = 0.5;
/// Interval between two positions: smooth enough, and cheap where the processor draws.
const STEP: Duration = Duration::from_millis(40);

/// The state of the introduction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Intro {
    /// It has ended, or the program has run before.
    #[default]
    Over,
    /// It begins with the first picture, if that is restored.
    Waiting,
    Running(Instant),
}

impl Intro {
    /// Advances the introduction. Returns where the line is, if it moves by itself. Any key and
    /// any press of the pointer end it. `restored`: whether the picture is restored, if there is
    /// one.
    pub(super) fn divider(&mut self, ui: &egui::Ui, restored: Option<bool>) -> Option<f32> {
        if *self == Self::Over {
            return None;
        }
        let key = |e: &egui::Event| matches!(e, egui::Event::Key { pressed: true, .. });
        let press = |e: &egui::Event| matches!(e, egui::Event::PointerButton { pressed: true, .. });
        let (key, press) = ui.input(|i| (i.events.iter().any(key), i.events.iter().any(press)));
        if key || press {
            let was_waiting = *self == Self::Waiting;
            *self = Self::Over;
            // When the user takes the line, it stays where it is.
            return (key || was_waiting).then_some(MIDDLE);
        }
        match (*self, restored) {
            (Self::Waiting, Some(true)) => *self = Self::Running(Instant::now()),
            // The engine is off or has failed: the line would cross a picture without a difference.
            (Self::Waiting, Some(false)) => {
                *self = Self::Over;
                return Some(MIDDLE);
            }
            _ => {}
        }
        let since = match self {
            Self::Running(since) => since.elapsed().as_secs_f32(),
            _ => 0.0,
        };
        ui.request_repaint_after(STEP);
        let at = position(since);
        if at.is_none() {
            *self = Self::Over;
        }
        // Where windows are drawn slowly, the last step before the end may be seconds ago.
        at.or(Some(MIDDLE))
    }
}

/// Position of the line after this many seconds; none after the end.
fn position(seconds: f32) -> Option<f32> {
    let mut legs = PATH.iter().zip(PATH.iter().skip(1));
    let (from, to) = legs.find(|(_, to)| seconds < to.0)?;
    let part = ((seconds - from.0) / (to.0 - from.0)).clamp(0.0, 1.0);
    // Slow at both ends of every leg.
    let eased = part * part * (3.0 - 2.0 * part);
    Some(from.1 + (to.1 - from.1) * eased)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_crosses_the_picture_once_and_stops_in_the_middle() {
        let path: Vec<f32> = (0..160).filter_map(|i| position(i as f32 * 0.05)).collect();
        assert_eq!(path.first(), Some(&0.97));
        assert!(path.iter().any(|at| *at < 0.06));
        assert!((path.last().unwrap() - 0.5).abs() < 0.01);
        let steps = path.iter().zip(path.iter().skip(1)).map(|(a, b)| (a - b).abs());
        assert!(steps.fold(0.0, f32::max) < 0.05, "it does not jump");
        assert_eq!(position(60.0), None);
    }
}
