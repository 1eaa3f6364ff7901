from .descent import RATES as RATES
from .result import Fit as Fit
