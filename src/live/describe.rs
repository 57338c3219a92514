//! The sentences for people about the status of a source, shared by the window and the command
//! line.

use super::fact::{AlignmentStatus, Fact};
use crate::program;
use crate::rig::clock::SyncState;

/// A fact as a name and a value.
pub fn describe(fact: &Fact) -> (&'static str, String) {
    match fact {
        Fact::Synchronisation(state) => ("synchronised by", synchronisation(state)),
        Fact::Stage { name, events, removed } => {
            ("filter", format!("{name}: {:.1} % of events removed", percent(*removed, *events)))
        }
        Fact::Outside { events, outside } => {
            let percent = percent(*outside, *events);
            ("outside", format!("{percent:.1} % of events, not seen by the frame camera"))
        }
        Fact::NotAligned { packets } => {
            let text = format!(
                "{packets} packets: frames or events have another size than the alignment: run {} \
                 align again",
                program::command()
            );
            ("not aligned", text)
        }
        Fact::Playing { frame, frames, duration_us } => {
            let seconds = *duration_us as f64 / 1e6;
            ("playing", format!("frame {} of {frames}, {seconds:.1} s in all", frame + 1))
        }
        Fact::SkippedFile { name, why } => ("skipped", format!("{name}: {why}")),
        Fact::SlowSimulation { real_time } => {
            let advice = "use a smaller image or a lower frame rate, such as sim:288x192@5";
            let text = format!(
                "runs at {real_time:.2} of real time, too much for this computer: {advice}"
            );
            ("simulation", text)
        }
        Fact::Alignment(status) => ("aligned", alignment(*status)),
        Fact::Filter { name, events_in, events_out, hot_pixels } => {
            let percent = percent(events_in.saturating_sub(*events_out), *events_in);
            let mut text = format!("{events_in} events in, {events_out} out ({percent:.1} % less)");
            if let Some(pixels) = hot_pixels {
                text += &format!(", {pixels} pixels");
            }
            (*name, text)
        }
    }
}

fn percent(part: u64, all: u64) -> f64 {
    100.0 * part as f64 / all.max(1) as f64
}

fn alignment(status: AlignmentStatus) -> String {
    match status {
        AlignmentStatus::Used { image, sensor, residual_px } => {
            format!("{image} and {sensor}, residual {residual_px:.2} px of the events")
        }
        AlignmentStatus::Missing => {
            format!("no: run {} align to align the cameras", program::command())
        }
        AlignmentStatus::Waiting => "waiting for both cameras".into(),
    }
}

fn synchronisation(state: &SyncState) -> String {
    match state {
        SyncState::OneClock => "one clock".to_owned(),
        SyncState::Edges { residual_us, drift_ppm, pulses } => {
            let lost = match pulses.lost + pulses.repaired {
                0 => String::new(),
                _ => format!(
                    ", {} pulses lost and {} repaired of {}",
                    pulses.lost,
                    pulses.repaired,
                    pulses.whole + pulses.repaired + pulses.lost
                ),
            };
            format!("edges, residual {residual_us:.1} us, drift {drift_ppm:.1} ppm{lost}")
        }
        SyncState::Content { residual_us, offset_us, drift_ppm } => format!(
            "arrival times and image content, residual {residual_us:.0} us, drift \
             {drift_ppm:.1} ppm (delay found: {:.1} ms)",
            offset_us / 1e3
        ),
        SyncState::Held { silent_s, drift_ppm } => format!(
            "no edges for {silent_s:.0} s, clock extrapolated (check the sync cable), drift \
             {drift_ppm:.1} ppm"
        ),
        SyncState::Arrival { residual_us, drift_ppm } => format!(
            "arrival times only, residual {residual_us:.0} us, drift {drift_ppm:.1} ppm, constant \
             delays unknown"
        ),
        SyncState::Unknown => "not yet known".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_nothing_are_zero() {
        let (name, text) = describe(&Fact::Outside { events: 0, outside: 0 });
        assert_eq!((name, text.starts_with("0.0 %")), ("outside", true));
    }

    #[test]
    fn frames_are_counted_from_one_for_people() {
        let fact = Fact::Playing { frame: 0, frames: 30, duration_us: 1_500_000 };
        assert_eq!(describe(&fact), ("playing", "frame 1 of 30, 1.5 s in all".into()));
    }

    #[test]
    fn only_the_filter_of_hot_pixels_names_their_number() {
        let fact = |hot_pixels| Fact::Filter { name: "x", events_in: 4, events_out: 3, hot_pixels };
        assert_eq!(describe(&fact(None)).1, "4 events in, 3 out (25.0 % less)");
        assert_eq!(describe(&fact(Some(2))).1, "4 events in, 3 out (25.0 % less), 2 pixels");
    }
}
