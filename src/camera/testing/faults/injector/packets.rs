//! What happens to packets.

use super::{FaultyDevice, Shift};
use crate::camera::{EventPacket, FrameTiming, Packet};
use crate::event::Event;
use std::time::Instant;

impl FaultyDevice {
    /// Resets a clock, or makes it jump without a new epoch.
    pub(super) fn jump_clock(&mut self) {
        let reset = self.rng.below(2) == 0;
        let which = self.rng.below(3);
        // From 0.03 to 10 seconds, backwards or forwards.
        let distance_us = 10_f64.powf(self.rng.range(4.5, 7.0)) as i64;
        let by_us = if self.rng.below(2) == 0 { distance_us } else { -distance_us };
        let wanted = self.wanted.clone();
        let change = |shift: &mut Shift| {
            shift.us = shift.us.saturating_add(by_us);
            if reset {
                shift.epoch = Some(wanted.next_epoch());
                shift.first_frame = u64::MAX;
            }
        };
        if which != 0 {
            change(&mut self.events);
        }
        if which != 1 {
            change(&mut self.frames);
        }
        self.ledger.note(|t| if reset { t.new_epochs += 1 } else { t.jumps += 1 });
    }

    /// Delivers, drops, duplicates or delays a packet.
    pub(super) fn forward(&mut self, packet: Packet, out: &mut Vec<Packet>) {
        let is_frame = matches!(packet, Packet::Frame(_));
        let packet = match packet {
            Packet::Events(packet) => Packet::Events(self.event_packet(packet)),
            Packet::Frame(mut frame) => {
                let shift = &mut self.frames;
                // A camera restarts its frame count when its clock is reset.
                if shift.first_frame == u64::MAX {
                    shift.first_frame = frame.sequence;
                }
                frame.sequence = frame.sequence.saturating_sub(shift.first_frame);
                frame.epoch = shift.epoch.unwrap_or(frame.epoch);
                match &mut frame.timing {
                    FrameTiming::Frames { start, .. } => *start = start.plus_us(shift.us),
                    FrameTiming::Events { start, end } => {
                        // These frames use the event clock.
                        *start = start.plus_us(self.events.us);
                        *end = end.plus_us(self.events.us);
                        frame.epoch = self.events.epoch.unwrap_or(frame.epoch);
                    }
                    FrameTiming::Arrival { .. } => {}
                }
                Packet::Frame(frame)
            }
        };
        let [lost, doubled, late] = self.plan.lost.map(|n| n as usize);
        let fate = self.rng.below(1000);
        let fate = [lost, lost + doubled, lost + doubled + late].iter().position(|n| fate < *n);
        self.ledger.note(|t| {
            if is_frame {
                t.frames_made += 1;
            }
            match (fate, is_frame) {
                (Some(0), true) => t.frames_withheld += 1,
                (Some(1), true) => t.frames_doubled += 1,
                (Some(2), true) => t.frames_late += 1,
                (Some(i), false) => {
                    if let Some(count) = t.event_packets.get_mut(i) {
                        *count += 1;
                    }
                }
                _ => {}
            }
        });
        match fate {
            Some(0) => {}
            Some(1) => {
                out.push(packet.clone());
                out.push(packet);
            }
            Some(2) => {
                let at = Instant::now() + self.random_up_to(self.plan.late);
                self.delayed.push((at, packet));
            }
            _ => out.push(packet),
        }
    }

    fn event_packet(&mut self, mut packet: EventPacket) -> EventPacket {
        if Instant::now() < self.flood_until {
            self.flood(&mut packet);
        }
        let Shift { epoch, us, .. } = self.events;
        packet.epoch = epoch.unwrap_or(packet.epoch);
        if us != 0 {
            packet.from = packet.from.plus_us(us);
            packet.until = packet.until.plus_us(us);
            packet.events.iter_mut().for_each(|e| e.t_us = e.t_us.saturating_add(us));
            packet.lost_since = packet.lost_since.map(|t| t.plus_us(us));
            packet.edges.iter_mut().for_each(|e| e.t = e.t.plus_us(us));
        }
        packet
    }

    /// Replaces the events of a packet by as many as the sensor can send.
    fn flood(&mut self, packet: &mut EventPacket) {
        let (from_us, span_us) = (packet.from.us(), packet.until.since_us(packet.from));
        let count = (span_us.max(0) as f64 * self.plan.flood_hz * 1e-6) as usize;
        let (width, height) = (packet.sensor.width.max(1), packet.sensor.height.max(1));
        packet.events.clear();
        packet.events.extend((0..count).map(|i| {
            let bits = self.rng.bits();
            Event {
                t_us: from_us + (i as f64 * span_us as f64 / count as f64) as i64,
                x: (bits as u32 as usize % width) as u16,
                y: ((bits >> 32) as usize % height) as u16,
                polarity: bits & (1 << 63) != 0,
            }
        }));
    }
}
