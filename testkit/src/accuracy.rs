//! The accuracy suite: scenarios on a real kubelet, recorded, and the operator's verdicts compared with what truly happened.

pub mod keep;
pub mod play;
pub mod pods;
pub mod run;
pub mod scenario;
pub mod scenarios;
pub mod stage;
pub mod table;
