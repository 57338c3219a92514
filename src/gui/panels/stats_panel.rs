//! The heads-up display: rates, times, losses, quality, synchronisation, plots.

use crate::camera::{DropCause, DropSnapshot, DropUnit};
use crate::gui::state::Window;
use crate::gui::theme;
use crate::gui::widgets::{counted, group, hint, row, thousands, title};
use crate::live::{Snapshot, SourceReport, Times};
use crate::rig::clock::SyncState;
use crate::rig::sync::SyncStats;
use eframe::egui::{RichText, Ui};
use egui_plot::{Line, Plot, PlotPoints};

/// Draws the panel.
pub(crate) fn show(window: &mut Window, ui: &mut Ui) {
    let now = window.session.snapshot();
    quality(window, ui);
    group(ui, "Speed", |ui| {
        row(ui, "Camera", format!("{:.1} frames/s", now.rate_in));
        row(ui, "Screen", RichText::new(format!("{:.1} frames/s", now.rate_out)).strong());
        row(ui, "Restoring", times(now.restore));
        row(ui, "Shutter to screen", times(now.latency));
        ui.label("");
        ui.label(RichText::new("half / 95 of 100 / longest").color(theme::QUIET).size(11.5));
        ui.end_row();
    });
    crate::gui::contrast::show(window, ui);
    let report = window.session.report();
    group(ui, "Queues", |ui| {
        row(ui, "From the cameras", format!("{} packets", report.packets_queued));
        if let Some(buffer) = &report.buffer {
            row(ui, "Synchronising", buffered(buffer));
        }
        row(ui, "For the engine", counted((report.exposures_queued + now.queued) as u64, "frame"));
    });
    synchronised(&report, ui);
    lost(window, ui, &now);
    let rates = window.session.event_rates();
    events(ui, now.event_rate, &rates);
    title(ui, "Brightness");
    window.histogram.show(ui);
    ui.checkbox(&mut window.settings.clipping, "Mark clipped pixels (C)");
    ui.add_space(8.0);
    group(ui, "Runs on", |ui| {
        row(ui, "Source", window.session.source());
        row(ui, "Engine", window.session.engine());
        row(ui, "Weights", window.session.weights());
        // The clocks have a group of their own.
        for (name, value) in window.session.facts().into_iter().filter(|f| f.0 != "synchronised by")
        {
            row(ui, name, value);
        }
    });
}

fn times(t: Times) -> String {
    format!("{:.0} / {:.0} / {:.0} ms", t.p50_ms, t.p95_ms, t.max_ms)
}

/// How good the restored picture is: against the truth where it is known.
fn quality(window: &Window, ui: &mut Ui) {
    let Some(o) = &window.latest else { return };
    group(ui, "Picture", |ui| {
        if let Some(scores) = window.quality.scores {
            let (before, after) = scores.psnr_db;
            let value = format!("{before:.1} to {after:.1} dB");
            row(ui, "PSNR", RichText::new(value).strong().color(theme::RESTORED));
            if let Some((before, after)) = scores.ssim {
                row(ui, "SSIM", format!("{before:.3} to {after:.3}"));
            }
        }
        if let Some(gain) = o.sharpness_gain {
            row(ui, "Sharpness", format!("{gain:.1} times the blurry one"));
        }
        let e = &o.captured.exposure;
        row(ui, "Frame", e.frame.size().to_string());
        row(ui, "Exposure", format!("{:.1} ms", e.span.duration_us() / 1e3));
        row(ui, "Events", format!("{} from {}", thousands(e.events.len() as u64), e.sensor));
    });
}

/// What the synchronisation buffer holds.
fn buffered(buffer: &SyncStats) -> String {
    format!(
        "{}, {}",
        counted(buffer.held_frames as u64, "frame"),
        counted(buffer.held_events as u64, "event")
    )
}

/// How frames find their events.
fn synchronised(report: &SourceReport, ui: &mut Ui) {
    let Some(sync) = &report.sync else { return };
    group(ui, "Clocks of the cameras", |ui| match sync {
        SyncState::Unknown => row(ui, "Synchronised", bad("not yet")),
        SyncState::OneClock => row(ui, "Synchronised", "one clock for both"),
        SyncState::Edges { residual_us, drift_ppm, .. } => {
            row(ui, "Synchronised", "by the cable's pulses");
            row(ui, "Residual", format!("{residual_us:.1} us"));
            row(ui, "Drift", format!("{drift_ppm:.1} ppm"));
        }
        SyncState::Content { residual_us, drift_ppm, .. } => {
            row(ui, "Synchronised", "by what both see");
            row(ui, "Residual", format!("{residual_us:.0} us"));
            row(ui, "Drift", format!("{drift_ppm:.1} ppm"));
        }
        SyncState::Held { silent_s, drift_ppm } => {
            row(ui, "Synchronised", bad("by the last pulses: is the cable still there?"));
            row(ui, "Last pulse", format!("{silent_s:.0} s ago"));
            row(ui, "Drift", format!("{drift_ppm:.1} ppm"));
        }
        SyncState::Arrival { residual_us, drift_ppm } => {
            row(ui, "Synchronised", bad("by arrival times only"));
            row(ui, "Residual", format!("{residual_us:.0} us"));
            row(ui, "Drift", format!("{drift_ppm:.1} ppm"));
        }
    });
}

fn bad(text: impl Into<String>) -> RichText {
    RichText::new(text).color(theme::WARNING)
}

/// What never reached the screen, by cause.
fn lost(window: &Window, ui: &mut Ui, now: &Snapshot) {
    let report = window.session.report();
    let skipped = |d: &&DropSnapshot| d.cause == DropCause::Skipped;
    let behind: u64 = report.lost.iter().filter(skipped).map(|d| d.count).sum();
    // What the source has counted by cause stands under its causes below.
    let d = now.drops.unexplained(&report.lost);
    let causes = [
        ("Camera or cable", d.source),
        ("Fell behind", behind),
        ("Queue full", d.queue),
        ("Engine busy", d.engine),
        ("Window busy", d.display),
        ("Not restored", d.failed),
    ];
    group(ui, "Not shown", |ui| {
        for (name, count) in causes.into_iter().filter(|(_, count)| *count > 0) {
            row(ui, name, counted(count, "frame"));
        }
        if d.total() + behind == 0 {
            row(ui, "Nothing", "");
        }
    });
    // What was skipped is listed above, and recorded all the same.
    let lost: Vec<&DropSnapshot> = report.lost.iter().filter(|d| !skipped(d)).collect();
    let incomplete = report.buffer.map_or(0, |b| b.incomplete);
    if lost.is_empty() && incomplete == 0 {
        return;
    }
    group(ui, "Lost before", |ui| {
        for DropSnapshot { cause, unit, count } in lost {
            row(ui, cause_name(*cause), bad(format!("{} {}", thousands(*count), unit_name(*unit))));
        }
        if incomplete > 0 {
            row(ui, "Events missing in", bad(counted(incomplete, "frame")));
        }
    });
}

fn cause_name(cause: DropCause) -> &'static str {
    match cause {
        DropCause::Usb => "On the cable",
        DropCause::Device => "In the camera",
        DropCause::Malformed => "Damaged",
        DropCause::Queue => "Driver's queue full",
        DropCause::Buffer => "Buffer full",
        DropCause::Late => "Came too late",
        DropCause::Duplicate => "Came twice",
        DropCause::Clock => "No time known",
        DropCause::Skipped => "Fell behind",
        DropCause::Disk => "Disk too slow",
    }
}

fn unit_name(unit: DropUnit) -> &'static str {
    match unit {
        DropUnit::Frames => "frames",
        DropUnit::Events => "events",
        DropUnit::Gaps => "gaps",
    }
}

/// The rate of events over the last exposures.
fn events(ui: &mut Ui, now: f64, rates: &[f64]) {
    title(ui, &format!("Events: {:.2} million a second", now / 1e6));
    let millions: Vec<f64> = rates.iter().map(|r| r / 1e6).collect();
    let most = millions.iter().copied().fold(0.0, f64::max);
    let line = Line::new("million events a second", PlotPoints::from_ys_f64(&millions));
    Plot::new("event rate")
        .height(74.0)
        .include_y(0.0)
        .include_y(most * 1.1 + 1e-3)
        .show_axes(false)
        .show_grid(false)
        .allow_drag(false)
        .allow_zoom(false)
        .allow_scroll(false)
        .allow_boxed_zoom(false)
        .show(ui, |plot| plot.line(line.color(theme::RESTORED).width(1.5)));
    hint(ui, format!("the last {} frames, at most {most:.2} million", millions.len()));
    ui.add_space(8.0);
}
