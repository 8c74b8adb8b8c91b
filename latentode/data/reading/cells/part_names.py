"""What the names of columns tell of the part of a time that they hold."""

from __future__ import annotations

import re

# words of names, in the languages of common exports; they order columns that fit equally well
_WORDS = {
    "year": "year yr yyyy yy jahr annee année an año ano anno jaar rok år",
    "month": "month mo mon mm monat mois mes mês mese maand månad miesiąc",
    "day": "day dd dy tag jour dia día giorno dag dzień dom",
    "quarter": "quarter qtr q quartal trimestre trimester kwartaal kwartał",
    "doy": "doy jday julian yday dayofyear jday jd day tag",
    "hour": "hour hr hh h he stunde std heure hora ora uur godzina time zeit",
    "minute": "minute minutes min mi mn mm minuten minuto minuut minuta",
    "second": "second seconds sec ss s sekunde sekunden seconde segundo secondo",
    "hhmm": "time hhmm zeit uhrzeit heure hora ora tijd hour",
    "week": "week wk kw cw isoweek woche kalenderwoche semaine semana settimana vecka uge "
    "týden tydzień",
    "weekday": "weekday wday dow dayofweek wochentag isoweekday",
    "minute_of_day": "minutesofday minuteofday minofday minutessincemidnight",
    "second_of_day": "secondsofday secondofday secofday sod secondssincemidnight",
    "millisecond_of_day": "msofday msday millisecondsofday millisecondofday mssincemidnight",
    "interval": "interval int intervall intervalo intervallo period periode sp qh hh slot mtu "
    "settlementperiod settlement tradingperiod viertelstunde",
    "date": "date datum fecha data dato dag jour",
}


def roles_in_name(name: str) -> set[str]:
    """Parts of a time that the words of a name stand for."""
    words = set(re.split(r"[\W\d_]+", name.lower()))
    words.add("".join(re.findall(r"[^\W\d_]+", name.lower())))
    return {role for role, spellings in _WORDS.items() if words & set(spellings.split())}
