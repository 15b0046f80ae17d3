//! Figures of the inversion: observables along training ([`curves`]), ε* by group and by axis ([`epsilon`]) and along
//! the grid ([`along`]), shares of its
//! variance ([`shares`]), and its spread beside that of other training errors ([`spread`]).

pub mod along;
pub mod curves;
pub mod epsilon;
pub mod shares;
pub mod spread;
