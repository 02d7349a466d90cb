//! hookaudit: why pods do not start, do not stop, or stop badly.
//!
//! `source` turns what an API server or a recording says into observations, `audit` concludes, `sink`
//! and `report` tell it. `run` wires them; nothing else knows of all of them. See `ARCHITECTURE.md`.

pub mod admin;
pub mod api;
pub mod audit;
pub mod cli;
pub mod clock;
pub mod complaints;
pub mod config;
pub mod leader;
pub mod redact;
pub mod report;
pub mod run;
pub mod sink;
pub mod source;
