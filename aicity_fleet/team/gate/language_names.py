"""What languages are called, in the languages that orders are written in."""

from collections.abc import Mapping
from types import MappingProxyType

NAMES: Mapping[str, str] = MappingProxyType(
    {
        "en": "english|englisch(?:e[nrs]?)?|anglais|inglés|ingles|inglese|inglês|engels|engelska"
        "|engelsk|angielsk\\w+|английск\\w+|英語|英语|英文|영어",
        "de": "german|deutsch(?:e[nrs]?)?|allemand|alemán|tedesco|alemão|duits|tyska|tysk"
        "|niemieck\\w+|немецк\\w+|ドイツ語|德语|德文|독일어",
        "fr": "french|französisch(?:e[nrs]?)?|français|francais|francés|francese|francês|frans"
        "|franska|fransk|francusk\\w+|французск\\w+|フランス語|法语|法文|프랑스어",
        "es": "spanish|castilian|spanisch(?:e[nrs]?)?|espagnol|español|castellano|spagnolo"
        "|espanhol|spaans|spanska|spansk|hiszpańsk\\w+|испанск\\w+|スペイン語|西班牙语|西班牙文|스페인어",
        "it": "italian|italienisch(?:e[nrs]?)?|italien|italiano|italiaans|italienska|włosk\\w+"
        "|итальянск\\w+|イタリア語|意大利语|이탈리아어",
        "pt": "portuguese|portugiesisch(?:e[nrs]?)?|portugais|portugués|portoghese|português"
        "|portugees|португальск\\w+|ポルトガル語|葡萄牙语",
        "nl": "dutch|niederländisch(?:e[nrs]?)?|néerlandais|holandés|neerlandés|olandese"
        "|nederlands|голландск\\w+|オランダ語|荷兰语",
        "sv": "swedish|schwedisch(?:e[nrs]?)?|suédois|sueco|svedese|svenska|zweeds|szwedzk\\w+"
        "|шведск\\w+|スウェーデン語|瑞典语",
        "da": "danish|dänisch(?:e[nrs]?)?|danois|danés|dansk|датск\\w+",
        "nb": "norwegian|norwegisch(?:e[nrs]?)?|norvégien|noruego|norsk|норвежск\\w+",
        "fi": "finnish|finnisch(?:e[nrs]?)?|finnois|finlandés|suomeksi|suomi|finska|финск\\w+",
        "pl": "polish|polnisch(?:e[nrs]?)?|polonais|polaco|polacco|polsku|polski|польск\\w+"
        "|ポーランド語|波兰语",
        "cs": "czech|tschechisch(?:e[nrs]?)?|tchèque|checo|česky|čeština|češtiny|чешск\\w+",
        "sk": "slovak|slowakisch(?:e[nrs]?)?|slovaque|slovensky",
        "hu": "hungarian|ungarisch(?:e[nrs]?)?|hongrois|húngaro|magyarul|magyar|венгерск\\w+",
        "ro": "romanian|rumänisch(?:e[nrs]?)?|roumain|rumano|română",
        "hr": "croatian|kroatisch(?:e[nrs]?)?|croate|croata|hrvatski|serbian|serbisch|bosnian"
        "|српски",
        "tr": "turkish|türkisch(?:e[nrs]?)?|turc|turco|türkçe|турецк\\w+|トルコ語|土耳其语",
        "el": "greek|griechisch(?:e[nrs]?)?|grec|griego|greco|ελληνικά|греческ\\w+",
        "ru": "russian|russisch(?:e[nrs]?)?|russe|ruso|russo|русск\\w+|ロシア語|俄语|俄文|러시아어",
        "uk": "ukrainian|ukrainisch(?:e[nrs]?)?|ukrainien|ucraniano|українськ\\w+|украинск\\w+",
        "bg": "bulgarian|bulgarisch(?:e[nrs]?)?|bulgare|búlgaro|български",
        "ar": "arabic|arabisch(?:e[nrs]?)?|arabe|árabe|arabo|العربية|арабск\\w+|アラビア語|阿拉伯语",
        "fa": "persian|farsi|persisch(?:e[nrs]?)?|persan|فارسی",
        "he": "hebrew|hebräisch(?:e[nrs]?)?|hébreu|hebreo|עברית",
        "hi": "hindi|हिन्दी|हिंदी",
        "th": "thai|thailändisch|ไทย",
        "vi": "vietnamese|vietnamesisch|vietnamien|vietnamita|tiếng việt",
        "id": "indonesian|indonesisch|indonésien|bahasa|malay",
        "ca": "catalan|katalanisch|catalán|català",
        "zh": "chinese|mandarin|chinesisch(?:e[nrs]?)?|chinois|chino|cinese|chinês|中文|汉语|普通话|中国語"
        "|китайск\\w+|중국어",
        "ja": "japanese|japanisch(?:e[nrs]?)?|japonais|japonés|giapponese|japonês|日本語|日语|日文"
        "|японск\\w+|일본어",
        "ko": "korean|koreanisch(?:e[nrs]?)?|coréen|coreano|한국어|韓国語|韩语|корейск\\w+",
        "??": "latin|lateinisch\\w*|swahili|esperanto|tagalog|filipino|tamil|telugu|bengali|urdu"
        "|punjabi|welsh|irish|gaelic|icelandic|estonian|latvian|lithuanian|slovenian|basque"
        "|galician|afrikaans|zulu|yoruba|hinglish|pinyin|romaji|klingon|pidgin|creole"
        "|georgian|armenian|azerbaijani|kazakh|mongolian|nepali|marathi|gujarati|kannada"
        "|malayalam|albanian|macedonian|belarusian|luxembourgish|yiddish|maori|hawaiian"
        "|somali|amharic|khmer|lao|burmese|sinhala|haitian|maltese|scots|elvish|quechua"
        "|sanskrit",
    }
)
"""Names of each language, by its code; ``??`` are those that are not told apart."""
