//! Fault injection: a camera whose cable is unplugged, whose library hangs, whose events flood
//! and whose clocks jump, to verify that every drop is counted.

mod injector;
mod ledger;
mod plan;

pub use injector::{FaultEnd, FaultInjector};
pub use ledger::{FaultCounts, FaultLedger};
pub use plan::FaultPlan;
