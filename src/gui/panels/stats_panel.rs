//! The statistics panel: quality, rates, times, drops, synchronisation, plots.

use super::histogram::Histogram;
use super::threshold_group;
use crate::camera::{DropCause, DropSnapshot};
use crate::gui::action::Action;
use crate::gui::describe;
use crate::gui::player::Player;
use crate::gui::scores::Scores;
use crate::gui::session::Session;
use crate::gui::settings::Settings;
use crate::gui::settings_change::Toggle;
use crate::gui::text_format::{counted, thousands};
use crate::gui::theme;
use crate::gui::widgets::{group, hint, row, title};
use crate::live::{self, Fact, Snapshot, SourceReport, Times};
use crate::rig::clock::SyncState;
use eframe::egui::{RichText, Ui};
use egui_plot::{Line, Plot, PlotPoints};

/// The panel.
#[derive(Default)]
pub(crate) struct StatsPanel {
    histogram: Histogram,
    /// [`Player::revision`] of the picture in the histogram.
    revision: u64,
}

impl StatsPanel {
    /// Draws the panel.
    pub(crate) fn show(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        settings: &Settings,
        player: &Player,
        scores: Option<Scores>,
    ) -> Vec<Action> {
        let mut actions = Vec::new();
        let stats = session.snapshot();
        quality(ui, player, scores);
        group(ui, "Rates and times", |ui| {
            row(ui, "Camera", format!("{:.1} fps", stats.rate_in));
            row(ui, "Display", RichText::new(format!("{:.1} fps", stats.rate_out)).strong());
            row(ui, "Restore time", times(stats.restore));
            row(ui, "Shutter to screen", times(stats.latency));
            ui.label("");
            ui.label(RichText::new("p50 / p95 / max").color(theme::QUIET).size(11.5));
            ui.end_row();
        });
        actions.extend(threshold_group::show(ui, session));
        let report = session.report();
        group(ui, "Queues", |ui| {
            row(ui, "Camera queue", format!("{} packets", report.packets_queued));
            if let Some(buffer) = &report.buffer {
                let frames = counted(buffer.held_frames as u64, "frame");
                let events = counted(buffer.held_events as u64, "event");
                row(ui, "Sync buffer", format!("{frames}, {events}"));
            }
            row(ui, "Engine queue", counted(report.exposures_queued as u64, "frame"));
        });
        if let Some(state) = &report.sync {
            synchronisation(ui, state);
        }
        drops(ui, &report, &stats);
        outputs(ui, session);
        event_rate(ui, stats.event_rate, &session.event_rates());
        title(ui, "Brightness histogram");
        if let Some(frame) = player.latest.as_ref().filter(|_| self.revision != player.revision()) {
            self.histogram.set(frame, player.index);
            self.revision = player.revision();
        }
        self.histogram.show(ui);
        let mut clipping = settings.clipping;
        if ui.checkbox(&mut clipping, "Mark clipped pixels (C)").changed() {
            actions.push(Action::Toggle(Toggle::Clipping));
        }
        ui.add_space(8.0);
        group(ui, "System", |ui| {
            row(ui, "Source", session.source());
            row(ui, "Engine", session.engine());
            row(ui, "Weights", session.weights());
            // The synchronisation has its own group.
            let has_group = |fact: &Fact| matches!(fact, Fact::Synchronisation(_));
            for fact in session.facts().iter().filter(|fact| !has_group(fact)) {
                let (name, value) = live::describe(fact);
                row(ui, name, value);
            }
        });
        actions
    }
}

fn times(t: Times) -> String {
    format!("{:.0} / {:.0} / {:.0} ms", t.p50_ms, t.p95_ms, t.max_ms)
}

/// Image quality, against ground truth where available, and the current exposure.
fn quality(ui: &mut Ui, player: &Player, scores: Option<Scores>) {
    let Some(frame) = &player.latest else { return };
    group(ui, "Image", |ui| {
        if let Some(scores) = scores {
            let (before, after) = scores.psnr_db;
            let value = format!("{before:.1} to {after:.1} dB");
            row(ui, "PSNR", RichText::new(value).strong().color(theme::RESTORED));
            if let Some((before, after)) = scores.ssim {
                row(ui, "SSIM", format!("{before:.3} to {after:.3}"));
            }
        }
        if let Some(gain) = frame.sharpness_gain {
            row(ui, "Sharpness", format!("{gain:.1} x blurry"));
        }
        let e = &frame.captured.exposure;
        row(ui, "Frame", e.frame.size().to_string());
        row(ui, "Exposure", format!("{:.1} ms", e.span.duration_us() / 1e3));
        row(ui, "Events", format!("{} from {}", thousands(e.events.len() as u64), e.sensor));
    });
}

/// Synchronisation of the cameras' clocks.
fn synchronisation(ui: &mut Ui, state: &SyncState) {
    group(ui, "Clock synchronisation", |ui| {
        for describe::Row { name, value, is_warning } in describe::synchronisation(state) {
            row(ui, name, if is_warning { warning(value) } else { RichText::new(value) });
        }
    });
}

fn warning(text: impl Into<String>) -> RichText {
    RichText::new(text).color(theme::WARNING)
}

/// Exposures that were not displayed and drops of the source, per cause.
fn drops(ui: &mut Ui, report: &SourceReport, stats: &Snapshot) {
    let is_skipped = |d: &&DropSnapshot| d.cause == DropCause::Skipped;
    let skipped: u64 = report.lost.iter().filter(is_skipped).map(|d| d.count).sum();
    // Drops that the source has counted are listed under their causes below.
    let d = stats.drops.unexplained(&report.lost);
    let causes = [
        ("Camera or cable", d.source),
        ("Pipeline behind", skipped),
        ("Engine busy", d.engine),
        ("Window busy", d.display),
        ("Restore failed", d.failed),
    ];
    group(ui, "Skipped", |ui| {
        for (name, count) in causes.into_iter().filter(|(_, count)| *count > 0) {
            row(ui, name, counted(count, "frame"));
        }
        if d.total() + skipped == 0 {
            row(ui, "None", "");
        }
    });
    // Skipped exposures are listed above; they are still recorded.
    let lost: Vec<&DropSnapshot> = report.lost.iter().filter(|d| !is_skipped(d)).collect();
    let incomplete = report.buffer.map_or(0, |b| b.incomplete);
    if lost.is_empty() && incomplete == 0 {
        return;
    }
    group(ui, "Dropped upstream", |ui| {
        for DropSnapshot { cause, unit, count } in lost {
            let text = format!("{} {}", thousands(*count), describe::unit(*unit));
            row(ui, describe::cause(*cause), warning(text));
        }
        if incomplete > 0 {
            row(ui, "Missing events", warning(counted(incomplete, "frame")));
        }
    });
}

/// What other programs receive.
fn outputs(ui: &mut Ui, session: &Session) {
    let outputs = session.outputs();
    if outputs.is_empty() {
        return;
    }
    group(ui, "Sent", |ui| {
        for output in outputs {
            let text = format!("{}, {}", output.place, output.counters());
            let is_behind = output.dropped > 0 || output.fault.is_some();
            row(ui, output.content, if is_behind { warning(text) } else { RichText::new(text) });
        }
    });
}

/// Event rate over the last exposures; `current` and `rates` are in events per second.
fn event_rate(ui: &mut Ui, current: f64, rates: &[f64]) {
    title(ui, &format!("Event rate: {:.2} Mev/s", current / 1e6));
    let millions: Vec<f64> = rates.iter().map(|r| r / 1e6).collect();
    let max = millions.iter().copied().fold(0.0, f64::max);
    let line = Line::new("event rate, Mev/s", PlotPoints::from_ys_f64(&millions));
    Plot::new("event rate")
        .height(74.0)
        .include_y(0.0)
        .include_y(max * 1.1 + 1e-3)
        .show_axes(false)
        .show_grid(false)
        .allow_drag(false)
        .allow_zoom(false)
        .allow_scroll(false)
        .allow_boxed_zoom(false)
        .show(ui, |plot| plot.line(line.color(theme::RESTORED).width(1.5)));
    hint(ui, format!("last {} frames, max {max:.2} Mev/s", millions.len()));
    ui.add_space(8.0);
}
