//! Journeys through the whole product: processes, servers and an emulated 1NCE, seen from outside.

mod attack;
mod bulk;
mod bus_login;
mod change_here;
mod change_there;
mod chaos;
mod doctor;
mod end_of_v1;
mod first_start;
mod limits;
mod live;
mod new_year;
mod outages;
mod people;
mod trace;
mod trouble_at_once;
mod usage_stream;
