//! Computes the alignment of two cameras from boards that both have seen.

use super::warp::Match;
use super::{AlignError, FoundBoard, Residual, Warp};
use crate::image::Size;

/// One board, seen by both cameras at the same time.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// The board in the frame camera's image.
    pub frame: FoundBoard,
    /// The board in the event camera's image.
    pub event: FoundBoard,
}

/// If the residual exceeds this, in pixels of the event camera, the other orientation of the boards
/// is tried as well.
const SUSPECT_PX: f64 = 1.0;
/// A corner whose distance exceeds the median by this factor is an outlier.
const OUTLIER: f64 = 6.0;

impl View {
    /// The possible correspondences of the two grids that agree in bright and dark squares, most
    /// likely first: the one with the smallest rotation, mirrored by the beam splitter or not.
    fn matches(&self) -> Vec<Vec<Match>> {
        let board = self.frame.board;
        let (columns, rows) = (board.columns(), board.rows());
        let mut ways: Vec<(f64, Vec<Match>)> = Vec::new();
        for (across, down) in [(false, false), (true, false), (false, true), (true, true)] {
            // There is one square fewer than corners along each side.
            let shifts = (usize::from(across) * columns + usize::from(down) * rows) % 2 == 1;
            if (self.event.bright != shifts) != self.frame.bright {
                continue;
            }
            let pair = |i: usize| {
                let (column, row) = (i % columns, i / columns);
                let column = if across { columns - 1 - column } else { column };
                let row = if down { rows - 1 - row } else { row };
                let there = self.event.points.get(row * columns + column)?;
                Some((*there, *self.frame.points.get(i)?))
            };
            if let Some(pairs) = (0..board.corners()).map(pair).collect() {
                ways.push((self.rotation(across, down).abs(), pairs));
            }
        }
        ways.sort_by(|a, b| a.0.total_cmp(&b.0));
        ways.into_iter().map(|(_, pairs)| pairs).collect()
    }

    /// Rotation angle of the event camera's image in radians. If the grids differ in handedness,
    /// the image is mirrored from left to right first.
    fn rotation(&self, across: bool, down: bool) -> f64 {
        let (mut ea, mut eb) = self.event.steps();
        let (fa, fb) = self.frame.steps();
        if across {
            ea = (-ea.0, -ea.1);
        }
        if down {
            eb = (-eb.0, -eb.1);
        }
        if across != down {
            (ea.0, eb.0) = (-ea.0, -eb.0);
        }
        // The smallest rotation that maps both steps onto those of the frame camera.
        let cross = |e: (f64, f64), f: (f64, f64)| e.0 * f.1 - e.1 * f.0;
        let dot = |e: (f64, f64), f: (f64, f64)| e.0 * f.0 + e.1 * f.1;
        (cross(ea, fa) + cross(eb, fb)).atan2(dot(ea, fa) + dot(eb, fb))
    }
}

/// Fits the warp from the event camera's image to the frame camera's image.
///
/// # Errors
/// There is no view, or no warp fits the corners.
pub fn solve(views: &[View], events: Size, frames: Size) -> Result<(Warp, Residual), AlignError> {
    let ways: Vec<Vec<Vec<Match>>> = views.iter().map(View::matches).collect();
    if ways.is_empty() || ways.iter().any(Vec::is_empty) {
        return Err(AlignError::NoView);
    }
    let choice = |second: bool| -> Vec<Match> {
        let of = |ways: &Vec<Vec<Match>>| {
            ways.get(usize::from(second)).or_else(|| ways.first()).cloned().unwrap_or_default()
        };
        ways.iter().flat_map(of).collect()
    };
    let first = fitted(&choice(false), events, frames);
    let suspect = first.as_ref().map_or(true, |(_, r)| r.event_px > SUSPECT_PX);
    // One camera may be mounted upside down. Several views then contradict each other.
    let second =
        if suspect { fitted(&choice(true), events, frames) } else { Err(AlignError::NoWarp) };
    let (warp, residual) = match (first, second) {
        (Ok(a), Ok(b)) if b.1.event_px < a.1.event_px => b,
        (Ok(a), _) => a,
        (Err(_), second) => second?,
    };
    Ok((warp, Residual { views: views.len(), ..residual }))
}

fn fitted(matches: &[Match], events: Size, frames: Size) -> Result<(Warp, Residual), AlignError> {
    let warp = Warp::fit(events, frames, matches).ok_or(AlignError::NoWarp)?;
    let distance = |warp: &Warp, (event, frame): &Match| {
        warp.map(*event).map_or(f64::MAX, |(x, y)| (x - frame.0).hypot(y - frame.1))
    };
    let mut sorted: Vec<f64> = matches.iter().map(|m| distance(&warp, m)).collect();
    sorted.sort_by(f64::total_cmp);
    let median = sorted.get(sorted.len() / 2).copied().unwrap_or(0.0);
    let kept: Vec<Match> = matches
        .iter()
        .copied()
        .filter(|m| distance(&warp, m) <= (OUTLIER * median).max(0.05))
        .collect();
    let warp = if kept.len() < matches.len() {
        Warp::fit(events, frames, &kept).ok_or(AlignError::NoWarp)?
    } else {
        warp
    };
    let n = kept.len().max(1) as f64;
    let squares: f64 = kept.iter().map(|m| distance(&warp, m).powi(2)).sum();
    let worst = kept.iter().map(|m| distance(&warp, m)).fold(0.0, f64::max);
    let scales: f64 = kept.iter().filter_map(|(e, _)| warp.scale(*e)).sum::<f64>() / n;
    let rms = (squares / n).sqrt();
    let residual = Residual {
        frame_px: rms,
        event_px: rms / scales.max(f64::MIN_POSITIVE),
        worst_frame_px: worst,
        corners: kept.len(),
        outliers: matches.len() - kept.len(),
        views: 0,
    };
    Ok((warp, residual))
}
