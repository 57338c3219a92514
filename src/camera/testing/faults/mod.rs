//! Fault injection, to verify that every drop is counted: a camera whose cable is unplugged, whose
//! library hangs, whose events flood, whose clocks are reset or jump, and whose packets are lost, sent
//! twice or delayed.

mod injector;
mod ledger;
mod plan;

pub use injector::{FaultEnd, FaultInjector};
pub use ledger::{FaultCounts, FaultLedger};
pub use plan::FaultPlan;
