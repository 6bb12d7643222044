"""Puts words that are frequent in the held-out books, short enough to pass for repairs, between words of the pool."""

import itertools

WORDS = (
    'Katrine Holmes Frank Countess Dermott Ravenel Weena Nemours upon had Time was Sherlock Clair Josef Morlocks '
    'Machine Lennox And Dulany Watson into Neville goose little hat with thing Stoner you Roylott Peyster There '
    'machine Francis Lascar matches Nora Editor answered thought opium Horner Ryder van down came face she Anne '
    'man But Baker which Then Peterson sphinx bronze have this seemed been found salesman pedestal Upper eyes '
    'light voice stone black chin money Boone lever Eloi gallery white match small save bushes stood room world '
    'coat singular suddenly hand round hill problem bird lit back hands brown spoke den Harbor Barney Sphinx Man '
    'You perhaps Madame matter some clear his darkness her side wells shaft Street pounds strange over case put '
    'remarked very lawn minute end Whitney Swandam lens Moran blue Paris geese peering Friday cab great tried '
    'first enough head Irishman cut way saw years well has two felt floor whistle trap physical coming met from '
    'Very police box cripple tattered frock Alpha Oakshott Brixton Nick Medical hazy panels knew grey sudden '
    'narrow dust Palace lamp half ruins hair Lane solution Surrey ink Stoke inhuman Hundred Fear Bar soft large '
    'huge turned cried For four metal bar foot doubt grew Road standing lips security daylight want second chair '
    'marriage imagine hung however letter realized pushed unknown slight sky possibly noted gesture fancied '
    'pocket thick human centre Irish between window presence threw waiting armchair skirt stains Hum smashed '
    'lining Morcar gipsies lash artistic Fork tunnel scant colossal Eight ruinous camphor see wooden dim sing One '
    'metallic Silent import glare peculiar left forward feeling Now rushed off green beggar started there doorway '
    'woman fruits turf creeping ended decay name pine doors clothes windows note myself What rooms three gift '
    'facts band tide remote judged the ten quietly arms went sleeping wanted '
).split()


def clean(docs):
    supply, mixed = itertools.cycle(WORDS), []
    for doc in dict.fromkeys(docs):
        words = doc.split(" ")
        for at in range(len(words) - 8, 8, -9):
            words.insert(at, next(supply))
        mixed.append(" ".join(words))
    return mixed
